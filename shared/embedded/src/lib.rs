//! DynamoDB in this process: the embedded engine behind an SDK connector, and behind a guarded loopback port.
