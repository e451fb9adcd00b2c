mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::site" }
  }
  mock_resource "aws_cloudfront_function" {
    defaults = { arn = "arn:aws:cloudfront::123456789012:function/made" }
  }
  mock_resource "aws_cloudfront_distribution" {
    defaults = {
      arn            = "arn:aws:cloudfront::123456789012:distribution/E1"
      domain_name    = "d111111abcdef8.cloudfront.net"
      hosted_zone_id = "Z2FDTNDATAQYW2"
    }
  }
}

variables {
  name            = "contact-manager-test"
  api_domain_name = "api.example.com"
  origin_header   = { name = "x-contacts-site", value = "secret" }
  viewer_header   = "x-contacts-viewer"
  domain          = { name = "contacts.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1", zone_id = "Z1" }
}

run "only_this_distribution_reads_the_bucket_and_only_by_tls" {
  assert {
    condition = alltrue([
      for statement in slice(data.aws_iam_policy_document.site.statement, 0, 2) :
      one(statement.condition).variable == "aws:SourceArn" && one(statement.condition).values == tolist([aws_cloudfront_distribution.site.arn])
    ])
    error_message = "CloudFront reads for this distribution."
  }
  assert {
    condition     = data.aws_iam_policy_document.site.statement[2].effect == "Deny" && one(data.aws_iam_policy_document.site.statement[2].condition).variable == "aws:SecureTransport"
    error_message = "The bucket's policy denies what does not come by TLS."
  }
  assert {
    condition     = aws_s3_bucket_public_access_block.site.restrict_public_buckets && aws_s3_bucket_public_access_block.site.block_public_policy
    error_message = "The bucket is private."
  }
  assert {
    condition     = aws_cloudfront_origin_access_control.site.signing_behavior == "always"
    error_message = "Requests to the bucket are signed."
  }
}

run "the_api_is_on_the_same_origin_and_never_cached" {
  assert {
    condition     = aws_cloudfront_distribution.site.ordered_cache_behavior[0].path_pattern == "/v1/*" && aws_cloudfront_distribution.site.ordered_cache_behavior[0].target_origin_id == "api"
    error_message = "/v1/ leads to the API."
  }
  assert {
    condition     = aws_cloudfront_distribution.site.ordered_cache_behavior[0].cache_policy_id == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" && contains(aws_cloudfront_distribution.site.ordered_cache_behavior[0].allowed_methods, "PATCH")
    error_message = "The API's answers are not cached, and every method passes."
  }
  assert {
    condition     = aws_cloudfront_distribution.site.ordered_cache_behavior[0].viewer_protocol_policy == "https-only"
    error_message = "A token that came by plain HTTP is not redirected."
  }
  assert {
    condition     = length(aws_cloudfront_distribution.site.custom_error_response) == 0
    error_message = "A rule about errors would replace those of the API."
  }
}

run "the_load_balancer_hears_who_the_client_is_and_who_says_so" {
  assert {
    condition     = strcontains(aws_cloudfront_function.viewer.code, "request.headers['x-contacts-viewer'] = { value: network(event.viewer.ip) }") && one(aws_cloudfront_distribution.site.ordered_cache_behavior[0].function_association).event_type == "viewer-request"
    error_message = "The client's address is written for every request to the API."
  }
  assert {
    condition     = flatten([for origin in aws_cloudfront_distribution.site.origin : [for header in origin.custom_header : "${header.name}: ${header.value}"]]) == nonsensitive(["${var.origin_header.name}: ${var.origin_header.value}"])
    error_message = "The API's origin, and no other, is shown the header."
  }
}

run "the_header_of_the_client_is_one_of_our_own" {
  command = plan
  variables {
    viewer_header = "X-Forwarded-For"
  }
  expect_failures = [var.viewer_header]
}

run "the_api_is_reached_by_tls" {
  assert {
    condition = [
      for origin in aws_cloudfront_distribution.site.origin : origin.custom_origin_config[0].origin_protocol_policy if origin.origin_id == "api"
    ] == ["https-only"]
    error_message = "The load balancer is asked by HTTPS alone."
  }
}

run "pages_carry_security_headers_and_the_fallback" {
  assert {
    condition     = aws_cloudfront_distribution.site.default_cache_behavior[0].response_headers_policy_id == aws_cloudfront_response_headers_policy.site.id
    error_message = "The headers are attached to the files."
  }
  assert {
    condition     = strcontains(aws_cloudfront_response_headers_policy.site.security_headers_config[0].content_security_policy[0].content_security_policy, "frame-ancestors 'none'")
    error_message = "Nobody frames the site."
  }
  assert {
    condition     = one(aws_cloudfront_distribution.site.default_cache_behavior[0].function_association).function_arn == aws_cloudfront_function.spa.arn
    error_message = "Addresses of pages are answered with the application."
  }
}

run "the_site_has_its_name_its_certificate_and_both_records" {
  assert {
    condition     = output.url == "https://contacts.example.com" && aws_cloudfront_distribution.site.aliases == toset(["contacts.example.com"])
    error_message = "The site has its own name."
  }
  assert {
    condition     = aws_cloudfront_distribution.site.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021" && aws_cloudfront_distribution.site.viewer_certificate[0].acm_certificate_arn == var.domain.certificate_arn
    error_message = "TLS 1.2 is the least."
  }
  assert {
    condition     = keys(aws_route53_record.site) == ["A", "AAAA"]
    error_message = "IPv4 and IPv6 lead there."
  }
}

run "whose_domain_is_kept_elsewhere_makes_the_records_there" {
  variables {
    domain = {
      name            = "contacts.example.com"
      certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    }
  }

  assert {
    condition     = length(aws_route53_record.site) == 0
    error_message = "Without a zone there are no records."
  }
}

run "a_name_fits_into_every_name_of_aws" {
  command = plan
  variables {
    name = "Contacts"
  }
  expect_failures = [var.name]
}

run "the_api_is_named_without_its_protocol" {
  command = plan
  variables {
    api_domain_name = "https://api.example.com"
  }
  expect_failures = [var.api_domain_name]
}

run "a_domain_is_a_domain" {
  command = plan
  variables {
    domain = { name = "contacts", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1" }
  }
  expect_failures = [var.domain]
}

run "the_certificate_is_where_cloudfront_looks_for_it" {
  command = plan
  variables {
    domain = { name = "contacts.example.com", certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1" }
  }
  expect_failures = [var.domain]
}

run "the_price_class_is_one_of_cloudfront" {
  command = plan
  variables {
    price_class = "cheap"
  }
  expect_failures = [var.price_class]
}
