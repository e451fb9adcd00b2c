//! Metric names and their exporters (Prometheus, CloudWatch EMF), logs, and process figures.
