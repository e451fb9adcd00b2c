output "key_arn" {
  description = "ARN of the customer-managed key; null without one."

  # Put together from what is known before the key is made, so that whoever asks "is there a key?" in a plan
  # gets an answer.
  value = var.customer_managed_key ? "arn:${local.partition}:kms:${local.region}:${local.account}:key/${aws_kms_key.this[0].key_id}" : null
}

output "trail_bucket_name" {
  description = "Where the trail's files are; null without a trail."
  value       = one(aws_s3_bucket.trail[*].bucket)
}
