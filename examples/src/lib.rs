//! Small, real programs on streams-dsl
