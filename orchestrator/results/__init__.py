"""What a sweep found, read from its log: tables, the best configuration, exports."""
