mock_provider "aws" {
  source = "../../modules/stack/tests/mocks"
}

variables {
  region = "eu-central-1"
  domain = { name = "contacts.example.com", zone_id = "Z1" }
  image  = "contact-manager@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  zips   = { api = "../../modules/target-lambda/tests/empty.zip", worker = "../../modules/target-lambda/tests/empty.zip" }
}

run "prod_runs_on_fargate" {
  command = plan

  assert {
    condition     = output.traffic.live == "fargate" && output.traffic.cluster_names == { fargate = "contact-manager-prod-fargate" }
    error_message = "Prod must run on Fargate."
  }

  assert {
    condition     = output.site == null
    error_message = "Without a name of its own there must be no web app."
  }
}

run "prod_runs_on_hosts_by_one_word" {
  command = plan
  variables {
    target = "ec2"
  }

  assert {
    condition     = output.traffic.cluster_names == { ec2 = "contact-manager-prod-ec2" }
    error_message = "The target must be the one asked for."
  }
}

run "prod_is_encrypted" {
  command = plan
  variables {
    budget = { monthly_usd = 100, email = "somebody@example.com" }
  }

  assert {
    condition     = output.encrypted && output.base_url == "https://contacts.example.com"
    error_message = "Clients must be served by HTTPS."
  }
}

run "a_target_is_one_of_three" {
  command = plan
  variables {
    target = "ecs"
  }
  expect_failures = [var.target]
}

run "prod_needs_a_domain" {
  command = plan
  variables {
    domain = null
  }
  expect_failures = [var.domain]
}

run "the_web_app_has_a_name_of_its_own" {
  command = plan
  variables {
    site_domain = { name = "app.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1" }
  }

  assert {
    condition     = output.site.url == "https://app.example.com"
    error_message = "The web app must have its name."
  }
}

run "copies_of_the_table_outlive_it" {
  command = plan

  assert {
    condition     = output.data.backup_vault_name == "contact-manager-prod-contacts"
    error_message = "There must be a vault."
  }
}
