mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::state" }
  }
}

variables {
  name = "contact-manager"
}

run "states_are_private_versioned_and_travel_by_tls" {
  assert {
    condition     = output.bucket == "contact-manager-state-123456789012"
    error_message = "The bucket's name carries the account, because such names are shared by all."
  }
  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "Every state can be gone back to."
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.state.block_public_acls,
      aws_s3_bucket_public_access_block.state.block_public_policy,
      aws_s3_bucket_public_access_block.state.ignore_public_acls,
      aws_s3_bucket_public_access_block.state.restrict_public_buckets,
    ])
    error_message = "No state is public."
  }
  assert {
    condition     = data.aws_iam_policy_document.state.statement[0].effect == "Deny" && one(data.aws_iam_policy_document.state.statement[0].condition).variable == "aws:SecureTransport"
    error_message = "The bucket's policy denies what does not come by TLS."
  }
}

run "a_state_can_be_gone_back_to_for_a_year" {
  assert {
    condition     = one(aws_s3_bucket_lifecycle_configuration.state.rule).noncurrent_version_expiration[0].noncurrent_days == 365
    error_message = "Old states go after a year, and not before."
  }
}

run "without_a_key_s3_encrypts_by_its_own" {
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "States are encrypted in any case."
  }
}

run "a_customer_managed_key_encrypts_the_states" {
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.key_arn
    error_message = "The bucket takes the key."
  }
}

run "a_destroy_stops_at_states_that_are_there" {
  assert {
    condition     = !aws_s3_bucket.state.force_destroy
    error_message = "S3 refuses to delete a bucket that is not empty, and that is the guard."
  }
}

run "a_name_fits_into_every_name_of_aws" {
  command = plan
  variables {
    name = "State"
  }
  expect_failures = [var.name]
}

run "a_key_is_named_by_its_arn" {
  command = plan
  variables {
    key_arn = "alias/contacts"
  }
  expect_failures = [var.key_arn]
}
