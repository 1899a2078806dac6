"""Pure land-cover computations: grids, features, coverages, labels, nomenclatures, hold-out, agreement."""
