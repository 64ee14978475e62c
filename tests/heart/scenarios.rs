//! Single scenarios, as an operator would tell them.
