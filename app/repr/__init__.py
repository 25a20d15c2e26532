"""HTML representations of datasets. `program` opens a dataset with xarray in a separate process; nothing imports it."""
