"""The paper's experiments: each table and figure as a protocol, and what carries it out."""
