"""The public JSON, written out field by field: XRead, XDetail, XCreate, XUpdate, XQuery."""
