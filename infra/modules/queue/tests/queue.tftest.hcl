mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:eu-central-1:123456789012:queue"
      url = "https://sqs.eu-central-1.amazonaws.com/123456789012/queue"
    }
  }
}

variables {
  name = "contact-manager-test"
}

run "a_message_goes_to_the_dead_letters_after_as_many_receives_as_the_worker_counts" {
  assert {
    condition = jsondecode(aws_sqs_queue.jobs.redrive_policy) == {
      deadLetterTargetArn = aws_sqs_queue.dead.arn
      maxReceiveCount     = 5
    }
    error_message = "shared/jobs gives a job up with the fifth receive."
  }
  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.dead.redrive_allow_policy).sourceQueueArns == [aws_sqs_queue.jobs.arn]
    error_message = "Only this queue may leave its dead letters there."
  }
}

run "a_received_message_stays_away_for_six_timeouts_of_the_worker" {
  variables {
    worker_timeout = 100
  }

  assert {
    condition     = aws_sqs_queue.jobs.visibility_timeout_seconds == 600
    error_message = "AWS Lambda wants six times the function's timeout."
  }
}

run "dead_letters_are_kept_as_long_as_there_is" {
  assert {
    condition     = aws_sqs_queue.dead.message_retention_seconds == 1209600 && aws_sqs_queue.jobs.message_retention_seconds < 1209600
    error_message = "A dead letter keeps its age: the dead-letter queue must keep messages for longer than the queue."
  }
}

run "both_queues_wait_for_messages_and_refuse_plain_http" {
  assert {
    condition     = aws_sqs_queue.jobs.receive_wait_time_seconds == 20 && aws_sqs_queue.dead.receive_wait_time_seconds == 20
    error_message = "Receiving is long polling."
  }
  assert {
    condition = toset(keys(aws_sqs_queue_policy.tls_only)) == toset(["jobs", "dead"]) && alltrue([
      for document in data.aws_iam_policy_document.tls_only :
      document.statement[0].effect == "Deny" && one(document.statement[0].condition).variable == "aws:SecureTransport"
    ])
    error_message = "Both policies deny what does not come by TLS."
  }
}

run "without_a_key_sqs_encrypts_by_its_own" {
  assert {
    condition     = aws_sqs_queue.jobs.sqs_managed_sse_enabled && aws_sqs_queue.dead.sqs_managed_sse_enabled
    error_message = "Both queues are encrypted."
  }
}

run "a_customer_managed_key_encrypts_both_queues" {
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = aws_sqs_queue.jobs.kms_master_key_id == var.key_arn && aws_sqs_queue.dead.kms_master_key_id == var.key_arn
    error_message = "Both queues take the key."
  }
}

run "a_name_fits_into_every_name_of_aws" {
  command = plan
  variables {
    name = "x"
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

run "a_worker_has_a_timeout_that_a_function_can_have" {
  command = plan
  variables {
    worker_timeout = 901
  }
  expect_failures = [var.worker_timeout]
}
