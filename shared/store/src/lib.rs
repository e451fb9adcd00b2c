//! The single DynamoDB table: keys, transactions, change log, search rows, and the checker.
