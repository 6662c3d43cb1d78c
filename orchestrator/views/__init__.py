"""What a person looks at on a terminal."""
