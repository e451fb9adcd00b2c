# The firewall counts or blocks what AWS's rules find, and limits each address. Tokens and rates per token
# are the service's own. No rule keeps samples: they would show tokens and what people search for, whatever
# is redacted in the log.

# By its random part the firewall knows requests of the site from those of everybody else. Whoever learns it can be
# counted under another address, and nothing more.
resource "terraform_data" "site" {}

locals {
  site_header   = { name = "x-contacts-site", value = terraform_data.site.id }
  viewer_header = "x-contacts-viewer"

  # Rules that must not block, with the label that each of them leaves. Bodies are vCards: larger than the
  # 8 KB that the firewall reads and full of what people write, so their rules count on the routes that
  # take vCards, and block elsewhere (the rule bodies-elsewhere).
  body_rules = {
    AWSManagedRulesCommonRuleSet = {
      SizeRestrictions_BODY   = "awswaf:managed:aws:core-rule-set:SizeRestrictions_Body"
      CrossSiteScripting_BODY = "awswaf:managed:aws:core-rule-set:CrossSiteScripting_Body"
      GenericLFI_BODY         = "awswaf:managed:aws:core-rule-set:GenericLFI_Body"
      GenericRFI_BODY         = "awswaf:managed:aws:core-rule-set:GenericRFI_Body"
      EC2MetaDataSSRF_BODY    = "awswaf:managed:aws:core-rule-set:EC2MetaDataSSRF_Body"
    }
    AWSManagedRulesKnownBadInputsRuleSet = {
      Log4JRCE_BODY               = "awswaf:managed:aws:known-bad-inputs:Log4JRCE_Body"
      JavaDeserializationRCE_BODY = "awswaf:managed:aws:known-bad-inputs:JavaDeserializationRCE_Body"
      ReactJSRCE_BODY             = "awswaf:managed:aws:known-bad-inputs:ReactJSRCE_Body"
    }
    AWSManagedRulesAmazonIpReputationList = {}
  }

  # Programs need not name themselves, CardDAV asks by PROPFIND, and people search for web addresses.
  harmless_rules = {
    AWSManagedRulesCommonRuleSet          = ["NoUserAgent_HEADER", "GenericRFI_QUERYARGUMENTS"]
    AWSManagedRulesKnownBadInputsRuleSet  = ["PROPFIND_METHOD"]
    AWSManagedRulesAmazonIpReputationList = []
  }

  # Without versions: the default one brings rules against new attacks on the day that AWS has them, a pinned one expires.
  rule_groups = {
    AWSManagedRulesAmazonIpReputationList = 10
    AWSManagedRulesCommonRuleSet          = 20
    AWSManagedRulesKnownBadInputsRuleSet  = 30
  }

  blocks = try(var.waf.managed_rules, "count") == "block"
}

resource "aws_wafv2_web_acl" "this" {
  #checkov:skip=CKV_AWS_192:the known bad inputs have the rules against Log4Shell, in a dynamic block that is not seen
  count = var.waf == null ? 0 : 1

  name        = var.name
  description = "In front of the load balancer"
  scope       = "REGIONAL"

  default_action {
    allow {}
  }

  # What comes through the site has CloudFront's address, and is counted by the next rule.
  rule {
    name     = "rate"
    priority = 0

    action {
      block {
        custom_response {
          response_code = 429
        }
      }
    }

    statement {
      rate_based_statement {
        aggregate_key_type = "IP"
        limit              = var.waf.rate_per_5_minutes

        scope_down_statement {
          and_statement {
            statement {
              not_statement {
                statement {
                  byte_match_statement {
                    search_string         = local.site_header.value
                    positional_constraint = "EXACTLY"

                    field_to_match {
                      single_header {
                        name = local.site_header.name
                      }
                    }

                    text_transformation {
                      priority = 0
                      type     = "NONE"
                    }
                  }
                }
              }
            }

            statement {
              not_statement {
                statement {
                  ip_set_reference_statement {
                    arn = aws_wafv2_ip_set.unlimited[0].arn
                  }
                }
              }
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-rate"
      sampled_requests_enabled   = false
    }
  }

  # By the address that CloudFront saw. The header is believed beside the site's secret alone: whoever comes directly may
  # write what he likes into it, and into X-Forwarded-For as well.
  rule {
    name     = "rate-of-site"
    priority = 1

    action {
      block {
        custom_response {
          response_code = 429
        }
      }
    }

    statement {
      rate_based_statement {
        aggregate_key_type = "FORWARDED_IP"
        limit              = var.waf.rate_per_5_minutes

        forwarded_ip_config {
          header_name       = local.viewer_header
          fallback_behavior = "MATCH"
        }

        scope_down_statement {
          and_statement {
            statement {
              byte_match_statement {
                search_string         = local.site_header.value
                positional_constraint = "EXACTLY"

                field_to_match {
                  single_header {
                    name = local.site_header.name
                  }
                }

                text_transformation {
                  priority = 0
                  type     = "NONE"
                }
              }
            }

            statement {
              not_statement {
                statement {
                  ip_set_reference_statement {
                    arn = aws_wafv2_ip_set.unlimited[0].arn

                    ip_set_forwarded_ip_config {
                      header_name       = local.viewer_header
                      position          = "FIRST"
                      fallback_behavior = "NO_MATCH"
                    }
                  }
                }
              }
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-rate-of-site"
      sampled_requests_enabled   = false
    }
  }

  dynamic "rule" {
    for_each = local.rule_groups

    content {
      name     = rule.key
      priority = rule.value

      override_action {
        dynamic "count" {
          for_each = local.blocks ? [] : [1]
          content {}
        }

        dynamic "none" {
          for_each = local.blocks ? [1] : []
          content {}
        }
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.key

          dynamic "rule_action_override" {
            for_each = concat(keys(local.body_rules[rule.key]), local.harmless_rules[rule.key])

            content {
              name = rule_action_override.value

              action_to_use {
                count {}
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "${var.name}-${rule.key}"
        sampled_requests_enabled   = false
      }
    }
  }

  rule {
    name     = "bodies-elsewhere"
    priority = 40

    action {
      dynamic "count" {
        for_each = local.blocks ? [] : [1]
        content {}
      }

      dynamic "block" {
        for_each = local.blocks ? [1] : []
        content {}
      }
    }

    statement {
      and_statement {
        statement {
          or_statement {
            dynamic "statement" {
              for_each = sort(flatten(values({ for group, rules in local.body_rules : group => values(rules) })))

              content {
                label_match_statement {
                  scope = "LABEL"
                  key   = statement.value
                }
              }
            }
          }
        }

        statement {
          not_statement {
            statement {
              byte_match_statement {
                search_string         = "/v1/"
                positional_constraint = "STARTS_WITH"

                field_to_match {
                  uri_path {}
                }

                text_transformation {
                  priority = 0
                  type     = "NONE"
                }
              }
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-bodies-elsewhere"
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_ip_set" "unlimited" {
  count = var.waf == null ? 0 : 1

  name               = "${var.name}-unlimited"
  description        = "Addresses that many people share"
  scope              = "REGIONAL"
  ip_address_version = "IPV4"
  addresses          = var.waf.unlimited_addresses
}

resource "aws_wafv2_web_acl_association" "this" {
  count = length(aws_wafv2_web_acl.this)

  resource_arn = aws_lb.this.arn
  web_acl_arn  = aws_wafv2_web_acl.this[0].arn
}

resource "aws_cloudwatch_log_group" "waf" {
  #checkov:skip=CKV_AWS_338:14 days, as for every log of this product
  #checkov:skip=CKV_AWS_158:key_arn decides; without one CloudWatch encrypts by itself
  count = length(aws_wafv2_web_acl.this)

  # The firewall writes to names with this prefix alone.
  name              = "aws-waf-logs-${var.name}"
  retention_in_days = 14
  kms_key_id        = var.key_arn
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  count = length(aws_wafv2_web_acl.this)

  resource_arn            = aws_wafv2_web_acl.this[0].arn
  log_destination_configs = aws_cloudwatch_log_group.waf[*].arn

  # What people search for stands in it.
  redacted_fields {
    query_string {}
  }

  redacted_fields {
    single_header {
      name = "authorization"
    }
  }

  redacted_fields {
    single_header {
      name = local.smoke_header
    }
  }

  redacted_fields {
    single_header {
      name = local.site_header.name
    }
  }
}
