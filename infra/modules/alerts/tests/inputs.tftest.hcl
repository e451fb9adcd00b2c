mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name          = "contact-manager-test"
  environment   = "test"
  sides         = { lambda = {} }
  live          = "lambda"
  workspace     = { id = "ws-1", arn = "arn:aws:aps:eu-central-1:123456789012:workspace/ws-1" }
  load_balancer = "app/contact-manager-test/1"
  target_groups = { lambda = "targetgroup/lambda/1", fargate = "targetgroup/fargate/1", ec2 = "targetgroup/ec2/1" }
  queues        = { jobs = "jobs", dead_letters = "dead-letters" }
}

run "a_product_fits_into_a_subject" {
  command = plan
  variables {
    product = "a-product-whose-name-is-too-long-for-a-line"
  }
  expect_failures = [var.product]
}

run "a_product_is_written_in_ascii" {
  command = plan
  variables {
    product = "adreßbuch"
  }
  expect_failures = [var.product]
}

run "a_product_stands_for_nothing_but_itself_in_the_topics_policy" {
  command = plan
  variables {
    product = "*"
  }
  expect_failures = [var.product]
}

run "a_name_fits_into_every_name_of_aws" {
  command = plan
  variables {
    name = "Contacts"
  }
  expect_failures = [var.name]
}

run "an_environment_is_a_short_word" {
  command = plan
  variables {
    environment = "an environment"
  }
  expect_failures = [var.environment]
}

run "a_key_is_named_by_its_arn" {
  command = plan
  variables {
    key_arn = "alias/aws/sns"
  }
  expect_failures = [var.key_arn]
}

run "an_email_goes_to_an_address" {
  command = plan
  variables {
    emails = ["on-call"]
  }
  expect_failures = [var.emails]
}

run "a_side_is_a_target" {
  command = plan
  variables {
    sides = { lambda = {}, edge = {} }
  }
  expect_failures = [var.sides]
}

run "of_containers_there_must_be_some" {
  command = plan
  variables {
    sides = { lambda = {}, fargate = { wanted = { api = 2, worker = 0 } } }
  }
  expect_failures = [var.sides]
}

run "traffic_goes_to_a_side_that_exists" {
  command = plan
  variables {
    live = "ec2"
  }
  expect_failures = [var.live]
}

run "a_load_balancer_is_named_as_cloudwatch_does" {
  command = plan
  variables {
    load_balancer = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/contact-manager-test/1"
  }
  expect_failures = [var.load_balancer]
}

run "a_page_is_added_to_the_folder_of_runbooks" {
  command = plan
  variables {
    runbooks_url = "https://example.com/runbooks/"
  }
  expect_failures = [var.runbooks_url]
}

run "a_pace_leaves_whole_seconds" {
  command = plan
  variables {
    pace = 7
  }
  expect_failures = [var.pace]
}
