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

run "without_a_domain_there_is_http_alone_and_it_says_so" {
  assert {
    condition     = aws_lb_listener.main.protocol == "HTTP" && aws_lb_listener.main.port == 80 && length(aws_lb_listener.redirect) == 0
    error_message = "The only listener must be HTTP on port 80."
  }

  assert {
    condition     = !output.encrypted && output.base_url == "http://contact-manager-test-1.eu-central-1.elb.amazonaws.com"
    error_message = "The outputs must say that clients are not encrypted, and where they go."
  }

  assert {
    condition     = length(aws_acm_certificate.this) + length(aws_route53_record.address) + length(aws_route53_record.validation) == 0
    error_message = "Without a domain there must be no certificate and no record."
  }
}

run "with_a_domain_http_redirects_to_tls_1_3" {
  variables {
    domain = { name = "contacts.example.com", zone_id = "Z1" }
  }

  assert {
    condition     = aws_lb_listener.main.protocol == "HTTPS" && startswith(aws_lb_listener.main.ssl_policy, "ELBSecurityPolicy-TLS13-1-2") && aws_lb_listener.main.certificate_arn == aws_acm_certificate.this[0].arn
    error_message = "The main listener must be HTTPS with TLS 1.3 and the certificate that was made."
  }

  assert {
    condition     = aws_lb_listener.redirect[0].default_action[0].redirect[0].status_code == "HTTP_301" && aws_lb_listener.redirect[0].port == 80
    error_message = "Port 80 must redirect."
  }

  assert {
    condition     = aws_route53_record.validation[0].name == "_1.contacts.example.com." && aws_route53_record.address[0].alias[0].name == aws_lb.this.dns_name
    error_message = "The zone must prove the name and point it to the load balancer."
  }

  assert {
    condition     = output.encrypted && output.base_url == "https://contacts.example.com"
    error_message = "The outputs must name the domain."
  }
}

run "a_certificate_and_a_zone_can_be_brought_along" {
  variables {
    domain = { name = "contacts.example.com", certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/brought" }
  }

  assert {
    condition     = aws_lb_listener.main.certificate_arn == var.domain.certificate_arn && length(aws_acm_certificate.this) == 0 && length(aws_route53_record.address) == 0
    error_message = "The certificate that was brought must be used, and no record made."
  }
}

run "what_no_service_answers_is_404" {
  assert {
    condition     = aws_lb_listener.main.default_action[0].fixed_response[0].status_code == "404" && aws_lb_listener_rule.metrics.action[0].fixed_response[0].status_code == "404"
    error_message = "Unknown paths and /metrics must be 404."
  }

  assert {
    condition     = aws_lb_listener_rule.metrics.priority < min([for rule in concat(values(aws_lb_listener_rule.weighted), values(aws_lb_listener_rule.smoke)) : rule.priority]...)
    error_message = "No rule may come before the one that hides /metrics."
  }
}

run "traffic_is_divided_by_weight_and_never_sticks" {
  assert {
    condition     = [for group in aws_lb_listener_rule.weighted["api/0"].action[0].forward[0].target_group : group.weight] != [] && sum([for group in aws_lb_listener_rule.weighted["api/0"].action[0].forward[0].target_group : group.weight]) == 100
    error_message = "The forward must hold the weights."
  }

  assert {
    condition     = !anytrue(aws_lb_listener_rule.weighted["api/0"].action[0].forward[0].stickiness[*].enabled)
    error_message = "Stickiness must be off."
  }

  assert {
    condition     = toset(keys(aws_lb_target_group.this)) == toset(["api/lambda", "api/fargate", "api/ec2"])
    error_message = "All three target groups must exist."
  }
}

run "functions_get_every_value_of_a_header" {
  assert {
    condition     = aws_lb_target_group.this["api/lambda"].lambda_multi_value_headers_enabled && aws_lb_target_group.this["api/lambda"].target_type == "lambda"
    error_message = "The function's group must have multi-value headers."
  }

  assert {
    condition     = aws_lb_target_group.this["api/lambda"].health_check[0].interval > var.services.api.lambda_timeout
    error_message = "Checks of a function must be further apart than its timeout."
  }
}

run "tasks_are_checked_every_30_seconds_and_drained_for_30" {
  assert {
    condition = alltrue([for target in ["fargate", "ec2"] :
      aws_lb_target_group.this["api/${target}"].target_type == "ip"
      && aws_lb_target_group.this["api/${target}"].deregistration_delay == "30"
      && aws_lb_target_group.this["api/${target}"].health_check[0].interval == 30
      && aws_lb_target_group.this["api/${target}"].health_check[0].healthy_threshold == 2
      && aws_lb_target_group.this["api/${target}"].health_check[0].unhealthy_threshold == 2
      && aws_lb_target_group.this["api/${target}"].health_check[0].path == "/health"
    ])
    error_message = "Health checks must be 30 s / 2 / 2 on /health, and deregistration 30 s."
  }
}

run "rules_are_cut_to_five_values" {
  variables {
    services = {
      api  = { path_patterns = ["/v1/*", "/health", "/ready", "/openapi.json", "/docs", "/more"], priority = 1000 }
      dash = { path_patterns = ["/dash/*"], priority = 2000, port = 3000, health_path = "/dash/health" }
    }
  }

  assert {
    condition     = toset(keys(aws_lb_listener_rule.weighted)) == toset(["api/0", "api/1", "dash/0"])
    error_message = "Six patterns must make two rules."
  }

  assert {
    condition     = alltrue([for rule in aws_lb_listener_rule.smoke : sum([for condition in rule.condition : length(try(condition.path_pattern[0].values, [])) + length(try(condition.http_header[0].values, []))]) <= 5])
    error_message = "A smoke rule has five values with its header."
  }

  assert {
    condition     = length(distinct([for rule in concat(values(aws_lb_listener_rule.weighted), values(aws_lb_listener_rule.smoke)) : rule.priority])) == 3 + 9
    error_message = "Every rule must have a priority of its own."
  }

  assert {
    condition     = max([for rule in aws_lb_listener_rule.smoke : rule.priority if rule.priority < 2000]...) < min([for rule in aws_lb_listener_rule.weighted : rule.priority]...)
    error_message = "Smoke rules must come before the weighted ones of their service."
  }

  assert {
    condition     = aws_lb_target_group.this["dash/ec2"].port == 3000 && length(output.rule_arns.api) == 2 && length(output.rule_arns.dash) == 1
    error_message = "Each service must have its own port and rules."
  }
}

run "the_smoke_header_names_one_target_each" {
  assert {
    condition     = length(distinct(values(output.smoke_header.values))) == 3 && endswith(output.smoke_header.values.ec2, "-ec2") && length(output.smoke_header.values.ec2) > 36
    error_message = "Each target must have a value of its own that cannot be guessed."
  }
}

run "invalid_headers_are_dropped" {
  assert {
    condition     = aws_lb.this.drop_invalid_header_fields && !aws_lb.this.enable_deletion_protection
    error_message = "The load balancer must drop invalid headers."
  }
}

run "access_logs_live_for_14_days_in_a_private_bucket" {
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.logs[0].rule[0].expiration[0].days == 14 && aws_s3_bucket_public_access_block.logs[0].restrict_public_buckets && aws_s3_bucket.logs[0].force_destroy
    error_message = "Access logs must expire, in a bucket closed to the public."
  }
}

run "access_logs_can_be_off" {
  variables {
    access_logs = false
  }

  assert {
    condition     = length(aws_s3_bucket.logs) + length(aws_s3_bucket_policy.logs) == 0 && length(aws_lb.this.access_logs) == 0
    error_message = "Without access logs there must be no bucket."
  }
}

run "deletion_protection_keeps_the_logs_too" {
  variables {
    deletion_protection = true
  }

  assert {
    condition     = aws_lb.this.enable_deletion_protection && !aws_s3_bucket.logs[0].force_destroy
    error_message = "The load balancer and the bucket must be protected."
  }
}

run "the_firewall_is_off_unless_asked_for" {
  assert {
    condition     = length(aws_wafv2_web_acl.this) + length(aws_wafv2_web_acl_association.this) + length(aws_wafv2_ip_set.unlimited) == 0 && output.waf_arn == null
    error_message = "There must be no web ACL."
  }
}

run "the_firewall_begins_by_counting" {
  variables {
    waf = {}
  }

  assert {
    condition     = alltrue([for rule in aws_wafv2_web_acl.this[0].rule : length(rule.override_action[0].count) == 1 if startswith(rule.name, "AWS")])
    error_message = "Managed rules must count."
  }

  assert {
    condition     = one([for rule in aws_wafv2_web_acl.this[0].rule : rule.statement[0].rate_based_statement[0].limit if rule.name == "rate"]) == 15000
    error_message = "The rate of one address must be limited."
  }
}

run "a_blocking_firewall_lets_vcards_pass" {
  variables {
    waf = { managed_rules = "block", rate_per_5_minutes = 500, unlimited_addresses = ["203.0.113.0/24"] }
  }

  assert {
    condition     = alltrue([for rule in aws_wafv2_web_acl.this[0].rule : length(rule.override_action[0].none) == 1 if startswith(rule.name, "AWS")])
    error_message = "Managed rules must act."
  }

  assert {
    condition = alltrue([for rule in aws_wafv2_web_acl.this[0].rule : contains(
      rule.statement[0].managed_rule_group_statement[0].rule_action_override[*].name, "SizeRestrictions_BODY"
    ) if rule.name == "AWSManagedRulesCommonRuleSet"])
    error_message = "Rules on bodies must go on counting."
  }

  assert {
    condition     = length(one([for rule in aws_wafv2_web_acl.this[0].rule : rule if rule.name == "bodies-elsewhere"]).action[0].block) == 1
    error_message = "Bodies must be judged where no vCards go."
  }

  assert {
    condition     = length(aws_wafv2_ip_set.unlimited) == 1 && aws_cloudwatch_log_group.waf[0].retention_in_days == 14
    error_message = "There must be a set of unlimited addresses and a log."
  }
}

run "requests_of_a_site_are_counted_by_the_address_that_it_names" {
  variables {
    waf = {}
  }

  assert {
    condition = { for rule in aws_wafv2_web_acl.this[0].rule : rule.name => [
      rule.statement[0].rate_based_statement[0].aggregate_key_type,
      try(rule.statement[0].rate_based_statement[0].forwarded_ip_config[0].header_name, ""),
    ] if startswith(rule.name, "rate") } == { rate = ["IP", ""], rate-of-site = ["FORWARDED_IP", "x-contacts-viewer"] }
    error_message = "Direct requests must be counted by their address, those of the site by its word."
  }

  assert {
    condition = one([for rule in aws_wafv2_web_acl.this[0].rule :
      rule.statement[0].rate_based_statement[0].scope_down_statement[0].and_statement[0].statement[0].byte_match_statement[0].search_string if rule.name == "rate-of-site"
    ]) == output.site_header.value
    error_message = "The site's word must be believed beside its secret alone."
  }

  assert {
    condition = one([for rule in aws_wafv2_web_acl.this[0].rule :
      rule.statement[0].rate_based_statement[0].scope_down_statement[0].and_statement[0].statement[0].not_statement[0].statement[0].byte_match_statement[0].search_string if rule.name == "rate"
    ]) == output.site_header.value
    error_message = "Requests of the site must not be counted together."
  }

  assert {
    condition     = anytrue([for field in aws_wafv2_web_acl_logging_configuration.this[0].redacted_fields : length(field.query_string) == 1])
    error_message = "the log has what people search for"
  }

  assert {
    condition     = contains(flatten([for field in aws_wafv2_web_acl_logging_configuration.this[0].redacted_fields : field.single_header[*].name]), "x-contacts-site")
    error_message = "The secret must not be logged."
  }
}

run "clients_can_be_limited_to_some_addresses" {
  variables {
    domain        = { name = "contacts.example.com", zone_id = "Z1" }
    ingress_cidrs = ["203.0.113.0/24"]
  }

  assert {
    condition     = toset(keys(aws_vpc_security_group_ingress_rule.clients)) == toset(["203.0.113.0/24:80", "203.0.113.0/24:443"])
    error_message = "Both ports must be open to these addresses alone."
  }
}
