"""Export: the native HDF5 archive (:mod:`snn.export.archive`) and SONATA (:mod:`snn.export.sonata`)."""
