"""From judgements to a posterior per answer: quality, aggregation. It sees tables, never files."""
