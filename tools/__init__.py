"""Small scripts for those who maintain the course. They are no part of the library."""
