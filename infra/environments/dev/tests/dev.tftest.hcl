mock_provider "aws" {
  source = "../../modules/stack/tests/mocks"
}

variables {
  region = "eu-central-1"
  image  = "contact-manager@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  zips   = { api = "../../modules/target-lambda/tests/empty.zip", worker = "../../modules/target-lambda/tests/empty.zip" }
}

run "dev_runs_on_lambda" {
  command = plan

  assert {
    condition     = output.traffic.live == "lambda" && output.traffic.function_names.api == "contact-manager-dev-api" && output.site == null
    error_message = "Dev must run on functions, without a site."
  }
}

run "dev_runs_on_hosts_by_one_word" {
  command = plan
  variables {
    target = "ec2"
  }

  assert {
    condition     = output.traffic.cluster_names == { ec2 = "contact-manager-dev-ec2" }
    error_message = "The target must be the one asked for."
  }
}

run "a_target_is_one_of_three" {
  command = plan
  variables {
    target = "ecs"
  }
  expect_failures = [var.target]
}

run "dev_runs_on_arm_hosts_by_one_word_more" {
  command = plan
  variables {
    target       = "ec2"
    architecture = "arm64"
  }

  assert {
    condition     = output.traffic.cluster_names == { ec2 = "contact-manager-dev-ec2" }
    error_message = "The types of the hosts must go by the architecture."
  }
}

run "a_secret_setting_has_a_vault" {
  command = plan
  variables {
    target = "fargate"
    vaults = { api = ["CONTACTS_CACHE_URL"] }
  }

  assert {
    condition     = keys(module.stack.data.secret_arns) == ["api"]
    error_message = "The vault must be there."
  }
}

run "the_image_can_come_from_another_registry" {
  command = plan
  variables {
    target   = "fargate"
    image    = "docker.io/example/contact-manager@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    registry = { repository = "docker.io/example/contact-manager" }
  }

  assert {
    condition     = output.release.image == var.image
    error_message = "The image must be the one asked for."
  }
}
