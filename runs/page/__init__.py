"""`kmc report`: runs and studies on one HTML page that needs no other file."""
