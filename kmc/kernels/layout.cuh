// A hash over everything that the kernels share with Python: constants by name and value, structs by name and size,
// members by name, offset and size. Twin of kmc/backends/layout.py, which computes the same hash from its own lists;
// a member missing from the lists here shows in the offsets of the following ones or in the size of the struct.
#pragma once
#include "domain.cuh"
#include "frame.cuh"
#include "grand.cuh"
#include "sums.cuh"

// FNV-1a, 64 bits: Fowler, Noll, Vo, Eastlake, "The FNV Non-Cryptographic Hash Algorithm", IETF draft (2012).
KMC_CONSTEXPR uint64_t fold(uint64_t hash, const char* name, uint64_t first, uint64_t second)
{
    for (; *name; ++name) hash = (hash ^ (uint64_t)(unsigned char)*name) * 0x100000001B3u;
    for (int byte = 0; byte < 8; ++byte) hash = (hash ^ (first >> 8 * byte & 0xFF)) * 0x100000001B3u;
    for (int byte = 0; byte < 8; ++byte) hash = (hash ^ (second >> 8 * byte & 0xFF)) * 0x100000001B3u;
    return hash;
}

struct Member {
    const char* name;
    uint64_t first, second;
};

#define KMC_CONSTANT(name, value) Member{#name, (uint64_t)name, 0},
#define KMC_STRUCT(type) Member{#type, 0, sizeof(type)}
#define KMC_ENTRY(type, name) Member{#name, __builtin_offsetof(type, name), sizeof(type::name)}
#define TABLES(name) KMC_ENTRY(Tables, name)
#define ARRAYS(name) KMC_ENTRY(Arrays, name)
#define DOMAINS(name) KMC_ENTRY(Domains, name)
#define GRAND(name) KMC_ENTRY(Grand, name)
#define SUMS(name) KMC_ENTRY(CarrierSums, name)
#define FRAME(name) KMC_ENTRY(Frame, name)

KMC_CONSTEXPR uint64_t layout_hash()
{
    const Member members[] = {
        KMC_CONSTANTS(KMC_CONSTANT)
        KMC_STRUCT(Tables),
        TABLES(n_families), TABLES(n_basis), TABLES(n_directions), TABLES(n_environment), TABLES(n_species),
        TABLES(n_codes), TABLES(n_influence), TABLES(n_coarse), TABLES(n_sites), TABLES(n_mobile), TABLES(n_carriers),
        TABLES(n_particles), TABLES(n_potential), TABLES(tracked), TABLES(repeats), TABLES(below), TABLES(ny),
        TABLES(nz), TABLES(site_offset), TABLES(basis_of), TABLES(first_particle), TABLES(carrier_offset),
        TABLES(carrier), TABLES(partner), TABLES(sublattice), TABLES(directions), TABLES(carriers),
        TABLES(family_limit), TABLES(bond), TABLES(bond_image), TABLES(bond_energy), TABLES(environment_sublattice),
        TABLES(environment), TABLES(environment_weight), TABLES(barrier2), TABLES(marcus_lambda),
        TABLES(marcus_coupling2), TABLES(reference2), TABLES(single_barrier), TABLES(mantissa), TABLES(shift), TABLES(fine),
        TABLES(potential_offset), TABLES(influence), TABLES(influence_delta), TABLES(influence_count),
        TABLES(n_base), TABLES(n_entries), TABLES(n_tree), TABLES(n_levels), TABLES(base_offset),
        TABLES(entry_offset), TABLES(scale), TABLES(level_offset), TABLES(log_table),
        KMC_STRUCT(Arrays),
        ARRAYS(occupants), ARRAYS(particle_at), ARRAYS(coordinates), ARRAYS(image), ARRAYS(potential), ARRAYS(trials),
        ARRAYS(accepted), ARRAYS(error), ARRAYS(failed), ARRAYS(base2), ARRAYS(weight), ARRAYS(tree),
        KMC_STRUCT(Domains),
        DOMAINS(blocks), DOMAINS(rim), DOMAINS(n_levels), DOMAINS(capacity), DOMAINS(back), DOMAINS(weight),
        DOMAINS(first_count), DOMAINS(row), DOMAINS(cumulative),
        KMC_STRUCT(Grand),
        GRAND(ion_family), GRAND(electronic_family), GRAND(electronic), GRAND(creates_electrons), GRAND(ion_sites),
        GRAND(electronic_sites), GRAND(bins), GRAND(ion_order), GRAND(electronic_order), GRAND(number), GRAND(field2),
        GRAND(histogram), GRAND(counters),
        KMC_STRUCT(CarrierSums),
        SUMS(n_species), SUMS(n_basis), SUMS(grid), SUMS(period), SUMS(first_carrier), SUMS(first_particle), SUMS(count),
        SUMS(place),
        KMC_STRUCT(Frame),
        FRAME(n_species), FRAME(n_groups), FRAME(n_sublattices), FRAME(grid), FRAME(period), FRAME(first), FRAME(count),
        FRAME(species), FRAME(sublattice), FRAME(basis), FRAME(basis_row), FRAME(flags),
    };
    uint64_t hash = 0xCBF29CE484222325u;
    for (const Member& member : members) hash = fold(hash, member.name, member.first, member.second);
    return hash;
}

#undef TABLES
#undef ARRAYS
#undef DOMAINS
#undef GRAND
#undef SUMS
#undef FRAME
