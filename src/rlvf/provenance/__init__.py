"""Where products come from: a manifest in a standard form, checking against it, an archive."""
