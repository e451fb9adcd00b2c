mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment = "test"
  target      = "lambda"
  image       = "contact-manager@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  zips        = { api = "../target-lambda/tests/empty.zip", worker = "../target-lambda/tests/empty.zip" }
}

run "a_name_has_a_limit" {
  command = plan
  variables {
    name = "a-name-that-is-far-too-long"
  }
  expect_failures = [var.name]
}

run "an_environment_is_one_word" {
  command = plan
  variables {
    environment = "my-test"
  }
  expect_failures = [var.environment]
}

run "a_target_is_one_of_three" {
  command = plan
  variables {
    target = "ecs"
  }
  expect_failures = [var.target]
}

run "an_image_is_named_by_its_digest" {
  command = plan
  variables {
    image = "contact-manager:latest"
  }
  expect_failures = [var.image]
}

run "an_architecture_is_one_of_two" {
  command = plan
  variables {
    architecture = "riscv"
  }
  expect_failures = [var.architecture]
}

run "a_rate_has_a_limit" {
  command = plan
  variables {
    settings = { rate_limit = 20000 }
  }
  expect_failures = [var.settings]
}

run "changes_are_kept_for_a_day_at_least" {
  command = plan
  variables {
    settings = { changes_days = 0 }
  }
  expect_failures = [var.settings]
}

run "a_history_is_kept_for_a_week_at_least" {
  command = plan
  variables {
    settings = { history_days = 6 }
  }
  expect_failures = [var.settings]
}

run "a_task_answers_at_least_one_request" {
  command = plan
  variables {
    containers = { api = { requests_per_task = 0 } }
  }
  expect_failures = [var.containers]
}

run "a_table_is_one_of_the_environments_own" {
  command = plan
  variables {
    data = { table_name = "restored-table" }
  }
  expect_failures = [var.data]
}

run "a_boundary_is_a_policy" {
  command = plan
  variables {
    permissions_boundary = "boundary"
  }
  expect_failures = [var.permissions_boundary]
}

run "an_issuer_is_an_https_url" {
  command = plan
  variables {
    settings = { oidc = { issuer = "http://login.example", audience = "contacts" } }
  }
  expect_failures = [var.settings]
}

run "an_origin_has_no_path" {
  command = plan
  variables {
    settings = { cors_origins = ["https://a.example/app"] }
  }
  expect_failures = [var.settings]
}

run "a_vault_belongs_to_a_service" {
  command = plan
  variables {
    vaults = { other = ["CONTACTS_CACHE_URL"] }
  }
  expect_failures = [var.vaults]
}

run "the_site_passes_tokens_by_https_alone" {
  command = plan
  variables {
    site_domain = { name = "app.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1" }
  }
  expect_failures = [var.site_domain]
}

run "what_is_not_there_is_not_rotated" {
  command = plan
  variables {
    rotation = { lambda_arn = "arn:aws:lambda:eu-central-1:123456789012:function:rotate", role_arn = "arn:aws:iam::123456789012:role/rotate" }
  }
  expect_failures = [var.rotation]
}

run "a_registry_has_no_tag" {
  command = plan
  variables {
    image    = null
    registry = { repository = "docker.io/example/contact-manager:latest" }
  }
  expect_failures = [var.registry]
}

run "credentials_are_a_secret_of_the_environment" {
  command = plan
  variables {
    image    = null
    registry = { repository = "docker.io/example/contact-manager", credentials_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:docker-AbCdEf" }
  }
  expect_failures = [var.registry]
}

run "an_image_is_of_its_registry" {
  command = plan
  variables {
    registry = { repository = "docker.io/example/contact-manager" }
  }
  expect_failures = [var.image]
}
