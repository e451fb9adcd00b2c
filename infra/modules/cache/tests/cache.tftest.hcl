mock_provider "aws" {
  mock_resource "aws_elasticache_replication_group" {
    defaults = {
      arn                      = "arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:contact-manager-test"
      primary_endpoint_address = "master.example.cache.amazonaws.com"
    }
  }
  mock_resource "aws_elasticache_user" {
    defaults = { arn = "arn:aws:elasticache:eu-central-1:123456789012:user:contact-manager-test-app" }
  }
}

variables {
  name                      = "contact-manager-test"
  vpc_id                    = "vpc-1"
  subnet_ids                = ["subnet-a", "subnet-b"]
  client_security_group_ids = { api = "sg-api", worker = "sg-worker" }
}

run "the_address_names_the_user_and_the_replication_group" {
  assert {
    condition     = output.url == "rediss://contact-manager-test-app@master.example.cache.amazonaws.com:6379?iam=contact-manager-test"
    error_message = "The address is rediss://USER@HOST:6379?iam=REPLICATION_GROUP."
  }
}

run "users_log_in_through_iam_and_there_is_no_other" {
  assert {
    condition     = aws_elasticache_user.app.authentication_mode[0].type == "iam" && aws_elasticache_user.app.user_id == aws_elasticache_user.app.user_name
    error_message = "IAM wants the user's name to be its ID."
  }
  assert {
    condition     = aws_elasticache_user_group.this.user_ids == toset([aws_elasticache_user.app.user_id])
    error_message = "There is one user."
  }
  assert {
    condition     = strcontains(aws_elasticache_user.app.access_string, "-@all") && !strcontains(aws_elasticache_user.app.access_string, "+@all")
    error_message = "The user has the commands that are used and no others."
  }
}

run "everything_is_encrypted" {
  assert {
    condition = alltrue([
      aws_elasticache_replication_group.this.transit_encryption_enabled,
      aws_elasticache_replication_group.this.transit_encryption_mode == "required",
      tobool(aws_elasticache_replication_group.this.at_rest_encryption_enabled),
    ])
    error_message = "TLS is required, and what is on disk is encrypted."
  }
}

run "two_nodes_take_over_for_each_other" {
  assert {
    condition = alltrue([
      aws_elasticache_replication_group.this.num_cache_clusters == 2,
      aws_elasticache_replication_group.this.automatic_failover_enabled,
      aws_elasticache_replication_group.this.multi_az_enabled,
    ])
    error_message = "Two nodes stand in two zones, and one takes over by itself."
  }
}

run "a_single_node_has_nobody_to_take_over" {
  variables {
    nodes      = 1
    subnet_ids = ["subnet-a"]
  }

  assert {
    condition     = !aws_elasticache_replication_group.this.automatic_failover_enabled && !aws_elasticache_replication_group.this.multi_az_enabled
    error_message = "AWS refuses failover with one node."
  }
}

run "only_the_clients_get_in_and_nothing_gets_out" {
  assert {
    condition = { for name, rule in aws_vpc_security_group_ingress_rule.clients : name => "${rule.referenced_security_group_id} ${rule.from_port}-${rule.to_port}" } == {
      api    = "sg-api 6379-6379"
      worker = "sg-worker 6379-6379"
    }
    error_message = "The rules name security groups and one port."
  }
}

run "a_customer_managed_key_encrypts_the_disk" {
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = aws_elasticache_replication_group.this.kms_key_id == var.key_arn
    error_message = "The replication group takes the key."
  }
}

run "a_name_fits_into_every_name_of_aws" {
  command = plan
  variables {
    name = "a-name-that-is-far-too-long-for-elasticache"
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

run "a_cache_stands_in_a_subnet" {
  command = plan
  variables {
    nodes      = 1
    subnet_ids = []
  }
  expect_failures = [var.subnet_ids]
}

run "two_nodes_want_two_subnets" {
  command = plan
  variables {
    subnet_ids = ["subnet-a"]
  }
  expect_failures = [var.nodes]
}

run "there_are_one_to_six_nodes" {
  command = plan
  variables {
    nodes = 7
  }
  expect_failures = [var.nodes]
}

run "a_node_has_a_type_of_elasticache" {
  command = plan
  variables {
    node_type = "t4g.micro"
  }
  expect_failures = [var.node_type]
}

run "the_engine_is_of_line_eight" {
  command = plan
  variables {
    engine_version = "7.2"
  }
  expect_failures = [var.engine_version]
}
