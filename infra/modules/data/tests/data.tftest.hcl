mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/backup" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::objects" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/contacts" }
  }
}

variables {
  name = "contact-manager-test"
}

run "the_table_is_the_one_that_the_code_makes" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.contacts.hash_key == "pk" && aws_dynamodb_table.contacts.range_key == "sk"
    error_message = "The keys are pk and sk."
  }
  assert {
    condition     = toset([for one in aws_dynamodb_table.contacts.attribute : "${one.name} ${one.type}"]) == toset(["pk S", "sk S"])
    error_message = "The keys are strings, and no other attribute is declared."
  }
  assert {
    condition     = aws_dynamodb_table.contacts.billing_mode == "PAY_PER_REQUEST"
    error_message = "The table is on demand."
  }
  assert {
    condition     = aws_dynamodb_table.contacts.ttl[0].attribute_name == "expires_at" && aws_dynamodb_table.contacts.ttl[0].enabled
    error_message = "Items expire by expires_at."
  }
}

run "by_default_the_table_is_protected_recoverable_and_encrypted_by_a_key_of_aws" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.contacts.deletion_protection_enabled && aws_dynamodb_table.contacts.point_in_time_recovery[0].enabled
    error_message = "Protection is the default."
  }
  assert {
    condition     = !aws_dynamodb_table.contacts.server_side_encryption[0].enabled
    error_message = "Without a key the table has AWS's own."
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.objects.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Without a key the bucket has S3's own."
  }
  assert {
    condition     = length(aws_dynamodb_table.contacts.on_demand_throughput) == 0 && !aws_dynamodb_table.contacts.stream_enabled
    error_message = "There is neither a maximum nor a stream unless asked for."
  }
  assert {
    condition     = length(aws_backup_vault.this) == 0 && output.backup_vault_name == null && output.backup_role_arn == null
    error_message = "There are no backups unless asked for."
  }
}

run "a_customer_managed_key_encrypts_the_table_the_backups_and_the_bucket" {
  command = plan

  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
    backup  = {}
  }

  assert {
    condition     = aws_dynamodb_table.contacts.server_side_encryption[0].enabled && aws_dynamodb_table.contacts.server_side_encryption[0].kms_key_arn == var.key_arn
    error_message = "The table takes the key."
  }
  assert {
    condition     = aws_backup_vault.this[0].kms_key_arn == var.key_arn
    error_message = "The vault takes the key."
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.objects.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.key_arn
    error_message = "The bucket takes the key."
  }
}

run "one_maximum_leaves_the_other_open" {
  command = plan

  variables {
    max_write_units = 100
  }

  assert {
    condition     = aws_dynamodb_table.contacts.on_demand_throughput[0].max_write_request_units == 100 && aws_dynamodb_table.contacts.on_demand_throughput[0].max_read_request_units == -1
    error_message = "The writes have a maximum and the reads have none."
  }
}

run "replicas_come_with_a_stream_and_their_own_keys" {
  command = plan

  variables {
    key_arn          = "arn:aws:kms:eu-central-1:123456789012:key/1"
    replicas         = ["eu-west-1"]
    replica_key_arns = { eu-west-1 = "arn:aws:kms:eu-west-1:123456789012:key/2" }
  }

  assert {
    condition     = aws_dynamodb_table.contacts.stream_enabled && aws_dynamodb_table.contacts.stream_view_type == "NEW_AND_OLD_IMAGES"
    error_message = "A replica needs the stream with new and old images."
  }
  assert {
    condition     = one(aws_dynamodb_table.contacts.replica).region_name == "eu-west-1" && one(aws_dynamodb_table.contacts.replica).kms_key_arn == var.replica_key_arns["eu-west-1"]
    error_message = "The replica takes the key of its region."
  }
}

run "backups_are_daily_and_go_to_cold_storage" {
  command = apply

  variables {
    backup = {}
  }

  assert {
    condition = alltrue([
      for rule in aws_backup_plan.this[0].rule :
      rule.schedule == "cron(0 3 * * ? *)" && rule.lifecycle[0].cold_storage_after == 30 && rule.lifecycle[0].delete_after == 365
    ])
    error_message = "Daily at three, cold after 30 days, gone after a year."
  }
  assert {
    condition     = toset(aws_backup_selection.this[0].resources) == toset([output.table_arn])
    error_message = "The table is what is copied."
  }
  assert {
    condition     = output.backup_vault_name == "contact-manager-test-contacts" && one(aws_backup_plan.this[0].rule).target_vault_name == output.backup_vault_name
    error_message = "Copies go into the vault."
  }
}

run "who_makes_copies_also_brings_them_back" {
  command = apply

  variables {
    backup = {}
  }

  assert {
    condition = toset([for attached in aws_iam_role_policy_attachment.backup : attached.policy_arn]) == toset([
      "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup",
      "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores",
    ])
    error_message = "The role copies and restores."
  }
  assert {
    condition     = aws_backup_selection.this[0].iam_role_arn == output.backup_role_arn && one(data.aws_iam_policy_document.backup_trust.statement[0].principals).identifiers == toset(["backup.amazonaws.com"])
    error_message = "AWS Backup, and nobody else, copies in the name of the role."
  }
  assert {
    condition     = one(data.aws_iam_policy_document.backup_trust.statement[0].condition).variable == "aws:SourceAccount" && one(data.aws_iam_policy_document.backup_trust.statement[0].condition).values == tolist(["123456789012"])
    error_message = "AWS Backup takes the role for this account alone."
  }
}

run "ninety_days_after_it_went_cold_a_copy_may_go" {
  command = plan

  variables {
    backup = { schedule = "cron(0 1 ? * SUN *)", cold_after_days = 7, delete_after_days = 97 }
  }

  assert {
    condition     = one(aws_backup_plan.this[0].rule).schedule == "cron(0 1 ? * SUN *)" && one(aws_backup_plan.this[0].rule).lifecycle[0].cold_storage_after == 7 && one(aws_backup_plan.this[0].rule).lifecycle[0].delete_after == 97
    error_message = "The plan must have the days and the schedule that were chosen."
  }
}

run "the_bucket_is_private_versioned_and_refuses_plain_http" {
  command = apply

  assert {
    condition     = aws_s3_bucket.objects.bucket == "contact-manager-test-objects-123456789012"
    error_message = "The bucket's name carries the account, because such names are shared by all."
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.objects.block_public_acls,
      aws_s3_bucket_public_access_block.objects.block_public_policy,
      aws_s3_bucket_public_access_block.objects.ignore_public_acls,
      aws_s3_bucket_public_access_block.objects.restrict_public_buckets,
    ])
    error_message = "Nothing in the bucket is public."
  }
  assert {
    condition     = aws_s3_bucket_versioning.objects.versioning_configuration[0].status == "Enabled"
    error_message = "The bucket keeps versions."
  }
  assert {
    condition = { for rule in aws_s3_bucket_lifecycle_configuration.objects.rule : rule.id => one(rule.noncurrent_version_expiration).noncurrent_days } == {
      what-is-left-over = 90
      history           = 1
    }
    error_message = "Old versions are kept for 90 days, those of the history for one."
  }
  assert {
    condition     = data.aws_iam_policy_document.objects.statement[0].effect == "Deny" && one(data.aws_iam_policy_document.objects.statement[0].condition).variable == "aws:SecureTransport"
    error_message = "The bucket's policy denies what does not come by TLS."
  }
}

run "a_name_fits_into_every_name_of_aws" {
  command = plan
  variables {
    name = "Contact_Manager"
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

run "a_maximum_of_reads_is_a_whole_number" {
  command = plan
  variables {
    max_read_units = 0
  }
  expect_failures = [var.max_read_units]
}

run "a_maximum_of_writes_is_a_whole_number" {
  command = plan
  variables {
    max_write_units = 1.5
  }
  expect_failures = [var.max_write_units]
}

run "a_replica_is_a_region" {
  command = plan
  variables {
    replicas = ["Ireland"]
  }
  expect_failures = [var.replicas]
}

run "a_region_has_one_replica" {
  command = plan
  variables {
    replicas = ["eu-west-1", "eu-west-1"]
  }
  expect_failures = [var.replicas]
}

run "with_a_key_every_replica_needs_one_of_its_region" {
  command = plan
  variables {
    key_arn  = "arn:aws:kms:eu-central-1:123456789012:key/1"
    replicas = ["eu-west-1"]
  }
  expect_failures = [var.replica_key_arns]
}

run "without_a_key_no_replica_has_one" {
  command = plan
  variables {
    replicas         = ["eu-west-1"]
    replica_key_arns = { eu-west-1 = "arn:aws:kms:eu-west-1:123456789012:key/2" }
  }
  expect_failures = [var.replica_key_arns]
}

run "a_backup_has_a_cron_expression" {
  command = plan
  variables {
    backup = { schedule = "daily" }
  }
  expect_failures = [var.backup]
}

run "what_went_to_cold_storage_stays_there_for_ninety_days" {
  command = plan
  variables {
    backup = { cold_after_days = 30, delete_after_days = 119 }
  }
  expect_failures = [var.backup]
}

run "a_restored_table_takes_the_place_of_the_first" {
  command = plan

  variables { table_name = "contacts-restored" }

  assert {
    condition     = aws_dynamodb_table.contacts.name == "contacts-restored"
    error_message = "The table's own name wins."
  }
}

run "a_name_of_a_table_is_one" {
  command = plan

  variables { table_name = "no name" }

  expect_failures = [var.table_name]
}

run "roles_are_bounded_when_asked_for" {
  command = plan
  variables {
    backup               = {}
    permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.backup[0].permissions_boundary == var.permissions_boundary
    error_message = "The role must have the boundary."
  }
}

run "a_boundary_is_a_policy" {
  command = plan
  variables {
    permissions_boundary = "boundary"
  }
  expect_failures = [var.permissions_boundary]
}
