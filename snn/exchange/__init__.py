"""Networks in and out: whole descriptions in the formats of other programs, and modules of other libraries."""
