"""Everything a person or a program reads of a sweep: Parquet, best.json, exports, tables on a terminal, progress.

All of it is made from the journal; none of it is ever read back to decide anything.
"""
