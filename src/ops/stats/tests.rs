//! Statistics from hand-made numbers.
