output "bucket" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.state.bucket

  # Whoever uses it may write at once, and then every version must be kept.
  depends_on = [aws_s3_bucket_versioning.state, aws_s3_bucket_server_side_encryption_configuration.state]
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.state.arn
}
