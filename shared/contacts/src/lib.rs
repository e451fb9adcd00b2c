//! The domain: cards, books, and what can be done with them. Knows no HTTP and no AWS.
