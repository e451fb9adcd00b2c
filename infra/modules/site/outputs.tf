output "bucket_name" {
  description = "Where the files go."
  value       = aws_s3_bucket.site.bucket
}

output "distribution_id" {
  description = "ID of the distribution, for invalidations."
  value       = aws_cloudfront_distribution.site.id
}

output "url" {
  description = "Where the site is."
  value       = "https://${var.domain.name}"
}
