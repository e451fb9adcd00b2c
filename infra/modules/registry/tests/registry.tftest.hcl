mock_provider "aws" {}

variables {
  name = "contact-manager-test"
}

run "tags_cannot_be_moved_and_every_push_is_scanned" {
  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "Tags are immutable, and images are scanned."
  }
}

run "releases_stay_and_others_go_by_themselves" {
  variables {
    keep_images = 30
  }

  assert {
    condition = [
      for rule in jsondecode(aws_ecr_lifecycle_policy.this.policy).rules :
      "${rule.rulePriority} ${rule.selection.tagStatus} ${join("", try(rule.selection.tagPatternList, []))} ${rule.selection.countNumber}"
    ] == ["1 tagged v* 1000", "2 untagged  7", "3 tagged * 30"]
    error_message = "Releases come first and stay; untagged images go after 7 days, and of the others the newest stay."
  }
}

run "everything_is_not_a_release" {
  command = plan
  variables {
    release_prefix = "*"
  }
  expect_failures = [var.release_prefix]
}

run "without_a_key_ecr_encrypts_by_its_own" {
  assert {
    condition     = aws_ecr_repository.this.encryption_configuration[0].encryption_type == "AES256"
    error_message = "Images are encrypted in any case."
  }
}

run "a_customer_managed_key_encrypts_the_images" {
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = aws_ecr_repository.this.encryption_configuration[0].encryption_type == "KMS" && aws_ecr_repository.this.encryption_configuration[0].kms_key == var.key_arn
    error_message = "The repository takes the key."
  }
}

run "images_go_with_the_environment_only_where_that_is_said" {
  variables {
    force_delete = true
  }

  assert {
    condition     = aws_ecr_repository.this.force_delete
    error_message = "The wish is passed on."
  }
}

run "a_name_fits_into_every_name_of_aws" {
  command = plan
  variables {
    name = "Contacts"
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

run "enough_images_stay_for_a_rollback" {
  command = plan
  variables {
    keep_images = 1
  }
  expect_failures = [var.keep_images]
}
