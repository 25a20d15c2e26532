"""What xarray shows of a dataset, made by `program`, which is never imported: it runs in a process of its own."""
