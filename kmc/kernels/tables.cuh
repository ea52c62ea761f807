// The event tables and the state as the kernels see them. Filled by kmc/backends/layout.py; every member is eight bytes
// wide, so that a struct is an array of words on the Python side. A new member is also listed in layout.cuh.
#pragma once
#include "constants.cuh"

struct Tables {
    int64_t n_families, n_basis, n_directions, n_environment, n_species, n_codes, n_influence;  // table dimensions
    int64_t n_coarse;                                                 // rows of the acceptance
    int64_t n_sites, n_mobile, n_carriers, n_particles, n_potential;  // sizes of one replica
    int64_t tracked;      // all particles have ids; otherwise only the carriers, and particle_at is empty
    uint64_t repeats;     // nx, ny, nz in 16-bit fields; the fourth field is 0
    uint64_t below;       // 0x8000 minus the repeats in each field; the fourth field is 0
    int64_t ny, nz;
    const int64_t* site_offset;       // (L)
    const int64_t* basis_of;          // (L) basis sites per cell
    const int64_t* first_particle;    // (S)
    const int64_t* carrier_offset;    // (S)
    const int64_t* carrier;           // (F) and so on, as in EventTables
    const int64_t* partner;
    const int64_t* sublattice;
    const int64_t* directions;
    const int64_t* carriers;          // (F) number of carriers
    const uint64_t* family_limit;
    const uint64_t* bond;             // (F, B, Z) dx, dy, dz, basis in 16-bit fields; basis 0xFFFF where padded
    const int64_t* bond_image;
    const int64_t* bond_energy;
    const int64_t* environment_sublattice;  // (F, G)
    const uint64_t* environment;      // (F, B, Z, G) packed like a bond
    const int64_t* environment_weight;      // (F, G, S)
    const int64_t* barrier2;          // (F, C)
    const int64_t* marcus_lambda;
    const int64_t* marcus_coupling2;
    const int64_t* reference2;
    const int64_t* single_barrier;
    const uint32_t* mantissa;         // the acceptance, in four bytes each
    const uint32_t* shift;
    const uint32_t* fine;
    const int64_t* potential_offset;  // (F)
    const uint64_t* influence;        // (F, F, B, E) packed like a bond
    const int64_t* influence_delta;
    const int64_t* influence_count;   // (F, F, B)
    // rejection-free selection only, as in kmc/state/rejection_free.py
    int64_t n_base, n_entries, n_tree, n_levels;
    const int64_t* base_offset;       // (F)
    const int64_t* entry_offset;      // (F)
    const uint64_t* scale;            // (F)
    const int64_t* level_offset;      // (n_levels)
    const uint64_t* log_table;        // (256)
};

struct Arrays {
    uint8_t* occupants;      // (R, n_sites)
    int32_t* particle_at;    // (R, n_mobile), empty unless tracked
    uint64_t* coordinates;   // (R, n_carriers) x, y, z, basis in 16-bit fields
    int64_t* image;          // (R, n_particles)
    int32_t* potential;      // (R, n_potential)
    int64_t* trials;         // (R, F)
    int64_t* accepted;       // (R, F)
    int64_t* error;          // (R, ERROR_WORDS) family + 1, site, 2 Eb of a barrier below its bound
    int64_t* failed;         // set to 1 if any replica has an error
    int32_t* base2;          // (R, n_base) rejection-free selection only, as in kmc/state/rejection_free.py
    uint64_t* weight;        // (R, n_entries, Z)
    uint64_t* tree;          // (R, n_tree)
};

struct Lane {
    uint8_t* occupants;
    int32_t* particle_at;
    uint64_t* coordinates;
    int64_t* image;
    int32_t* potential;
    int64_t* trials;
    int64_t* accepted;
    int64_t* error;
    int64_t* failed;
    int32_t* base2;
    uint64_t* weight;
    uint64_t* tree;
};

KMC_FN Lane lane_of(const Tables& t, const Arrays& a, int64_t replica)
{
    return Lane{a.occupants + replica * t.n_sites,     a.particle_at + (t.tracked ? replica * t.n_mobile : 0),
                a.coordinates + replica * t.n_carriers, a.image + replica * t.n_particles,
                a.potential + replica * t.n_potential, a.trials + replica * t.n_families,
                a.accepted + replica * t.n_families,   a.error + replica * ERROR_WORDS,
                a.failed,                              a.base2 + replica * t.n_base,
                a.weight + replica * t.n_entries * t.n_directions, a.tree + replica * t.n_tree};
}
