mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name       = "contact-manager-test"
  vpc_id     = "vpc-1"
  subnet_ids = ["subnet-1", "subnet-2"]
  weights    = { lambda = 90, fargate = 10, ec2 = 0 }
  services = {
    api = { path_patterns = ["/v1/*", "/health", "/ready", "/openapi.json", "/docs"], priority = 1000 }
  }
}

run "a_name_must_fit_a_load_balancer" {
  command = plan
  variables {
    name = "a-name-that-is-too-long-for-a-load-balancer"
  }
  expect_failures = [var.name]
}

run "one_subnet_is_too_few" {
  command = plan
  variables {
    subnet_ids = ["subnet-1"]
  }
  expect_failures = [var.subnet_ids]
}

run "there_must_be_a_service" {
  command = plan
  variables {
    services = {}
  }
  expect_failures = [var.services]
}

run "a_service_must_have_a_path" {
  command = plan
  variables {
    services = { api = { path_patterns = [], priority = 100 } }
  }
  expect_failures = [var.services]
}

run "a_path_has_at_most_one_wildcard" {
  command = plan
  variables {
    services = { api = { path_patterns = ["/v1/*/contacts/*"], priority = 100 } }
  }
  expect_failures = [var.services]
}

run "two_services_cannot_begin_at_the_same_priority" {
  command = plan
  variables {
    services = {
      api  = { path_patterns = ["/v1/*"], priority = 100 }
      dash = { path_patterns = ["/dash/*"], priority = 100 }
    }
  }
  expect_failures = [var.services]
}

run "a_port_is_a_port" {
  command = plan
  variables {
    services = { api = { path_patterns = ["/v1/*"], priority = 100, port = 0 } }
  }
  expect_failures = [var.services]
}

run "a_function_must_answer_between_two_checks" {
  command = plan
  variables {
    services = { api = { path_patterns = ["/v1/*"], priority = 100, lambda_timeout = 900 } }
  }
  expect_failures = [var.services]
}

run "weights_add_up_to_100" {
  command = plan
  variables {
    weights = { lambda = 50, fargate = 40, ec2 = 0 }
  }
  expect_failures = [var.weights]
}

run "a_domain_is_a_host_name" {
  command = plan
  variables {
    domain = { name = "https://contacts.example.com", zone_id = "Z1" }
  }
  expect_failures = [var.domain]
}

run "a_domain_needs_a_zone_or_a_certificate" {
  command = plan
  variables {
    domain = { name = "contacts.example.com" }
  }
  expect_failures = [var.domain]
}

run "somebody_must_be_allowed_in" {
  command = plan
  variables {
    ingress_cidrs = []
  }
  expect_failures = [var.ingress_cidrs]
}

run "the_firewall_counts_or_blocks" {
  command = plan
  variables {
    waf = { managed_rules = "off" }
  }
  expect_failures = [var.waf]
}

run "a_rate_has_a_minimum" {
  command = plan
  variables {
    waf = { rate_per_5_minutes = 5 }
  }
  expect_failures = [var.waf]
}

run "unlimited_addresses_are_ranges" {
  command = plan
  variables {
    waf = { unlimited_addresses = ["office"] }
  }
  expect_failures = [var.waf]
}

run "a_key_is_named_by_its_arn" {
  command = plan
  variables {
    key_arn = "alias/contacts"
  }
  expect_failures = [var.key_arn]
}
