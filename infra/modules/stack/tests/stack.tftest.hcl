mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment = "test"
  target      = "lambda"
  image       = "contact-manager@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  zips        = { api = "../target-lambda/tests/empty.zip", worker = "../target-lambda/tests/empty.zip" }
}

# Each target, on the first apply.

run "lambda_needs_no_private_subnet_and_no_container" {
  command = plan

  assert {
    condition     = length(module.functions) == 1 && length(module.containers) == 0 && length(module.hosts) == 0
    error_message = "There must be the functions and nothing else."
  }

  assert {
    condition     = length(module.network.private_subnet_ids) == 0 && length(aws_security_group.cache_clients) == 0
    error_message = "Without cache there must be no private subnets, and functions in no VPC."
  }

  assert {
    condition     = jsondecode(aws_ssm_parameter.traffic.insecure_value) == { live = "lambda", weights = { lambda = 100, fargate = 0, ec2 = 0 }, standby = [], desired = {} } && aws_ssm_parameter.traffic.name == "/contact-manager/test/traffic"
    error_message = "The first apply must write the wish into the parameter."
  }

  assert {
    condition     = output.traffic.function_names == { api = "contact-manager-test-api", worker = "contact-manager-test-worker" } && output.traffic.alias == "live" && output.traffic.cluster_names == {}
    error_message = "The outputs must name the functions and no cluster."
  }
}

run "fargate_has_private_subnets_and_no_hosts" {
  command = plan
  variables {
    target = "fargate"
    zips   = null
  }

  assert {
    condition     = length(module.functions) == 0 && keys(module.containers) == ["fargate"] && length(module.hosts) == 0
    error_message = "There must be one cluster and nothing else."
  }

  assert {
    condition     = length(module.network.private_subnet_ids) == 2 && length(module.network.nat_public_ips) == 1
    error_message = "Tasks need private subnets, with one NAT gateway by default."
  }

  assert {
    condition     = output.traffic.cluster_names == { fargate = "contact-manager-test-fargate" } && output.traffic.service_names.fargate == { api = "api", worker = "worker" } && output.traffic.function_names == {}
    error_message = "The outputs must name the cluster and no function."
  }
}

run "ec2_has_hosts_for_its_cluster" {
  command = plan
  variables {
    target = "ec2"
    zips   = null
  }

  assert {
    condition     = length(module.functions) == 0 && keys(module.containers) == ["ec2"] && length(module.hosts) == 1
    error_message = "There must be one cluster and its hosts."
  }

  assert {
    condition     = output.traffic.cluster_names.ec2 == "contact-manager-test-ec2" && module.hosts[0].capacity_provider_name == "contact-manager-test-ec2"
    error_message = "Hosts and cluster must have the name of the side."
  }
}

# What the parameter holds decides.

run "a_switch_to_fargate_is_under_way" {
  module {
    source = "./tests/parameter"
  }
  state_key = "under_way"
  variables {
    value = { live = "lambda", weights = { lambda = 90, fargate = 10, ec2 = 0 }, standby = ["fargate"], desired = { fargate = { api = 3, worker = 9 } }, switch = { to = "fargate" } }
  }
}

run "both_sides_exist_while_one_is_on_standby" {
  command   = plan
  state_key = "under_way"

  assert {
    condition     = length(module.functions) == 1 && keys(module.containers) == ["fargate"] && length(module.network.private_subnet_ids) == 2
    error_message = "Functions and tasks must exist side by side."
  }

  assert {
    condition     = output.traffic.weights == { lambda = 90, fargate = 10, ec2 = 0 }
    error_message = "The rules must keep the weights that the switch gave them."
  }
}

run "the_wish_may_be_the_side_on_standby" {
  command   = plan
  state_key = "under_way"
  variables {
    target = "fargate"
  }

  assert {
    condition     = jsondecode(aws_ssm_parameter.traffic.insecure_value).live == "lambda"
    error_message = "The apply must leave the parameter to the switch."
  }
}

run "a_third_side_has_to_be_asked_for_by_a_switch" {
  command   = plan
  state_key = "under_way"
  variables {
    target = "ec2"
  }
  expect_failures = [aws_ssm_parameter.traffic]
}

run "a_switch_to_ec2_is_done" {
  module {
    source = "./tests/parameter"
  }
  state_key = "done"
  variables {
    value = { live = "ec2", weights = { lambda = 0, fargate = 0, ec2 = 100 }, standby = [], desired = {} }
  }
}

run "a_plain_apply_does_not_move_traffic_back" {
  command         = plan
  state_key       = "done"
  expect_failures = [aws_ssm_parameter.traffic]
}

run "the_old_side_is_gone_after_a_switch" {
  command   = plan
  state_key = "done"
  variables {
    target = "ec2"
    zips   = null
  }

  assert {
    condition     = length(module.functions) == 0 && keys(module.containers) == ["ec2"] && output.traffic.weights.ec2 == 100
    error_message = "Only the new side may exist."
  }
}

run "somebody_has_written_nonsense" {
  module {
    source = "./tests/parameter"
  }
  state_key = "nonsense"
  variables {
    value = { live = "lambda", weights = { lambda = 50, fargate = 50, ec2 = 0 }, standby = [], desired = {} }
  }
}

run "no_side_that_is_missing_gets_requests" {
  command         = plan
  state_key       = "nonsense"
  expect_failures = [aws_ssm_parameter.traffic]
}

run "a_new_side_begins_with_what_the_old_one_runs_up_to_its_maximum" {
  command   = plan
  state_key = "under_way"
  variables {
    containers = { worker = { max = 5 } }
  }

  assert {
    condition     = local.least_tasks.fargate == { api = 3, worker = 5 }
    error_message = "Services must begin with desired tasks, at most their maximum."
  }
}

run "a_switch_between_containers_is_under_way" {
  module {
    source = "./tests/parameter"
  }
  state_key = "standby"
  variables {
    value = { live = "fargate", weights = { lambda = 0, fargate = 100, ec2 = 0 }, standby = ["ec2"], desired = { fargate = { api = 3, worker = 2 }, ec2 = { api = 4 } } }
  }
}

run "no_side_shrinks_while_the_other_may_have_to_take_over" {
  command   = plan
  state_key = "standby"
  variables {
    target     = "fargate"
    containers = { api = { min = 2, max = 4 }, worker = { min = 1, max = 4 } }
  }

  assert {
    condition     = local.least_tasks == { ec2 = { api = 4, worker = 1 }, fargate = { api = 3, worker = 2 } }
    error_message = "The desired tasks must be the least of both sides, and the minimum of a service that has none."
  }

  assert {
    condition     = module.hosts[0].autoscaling_group_name == "contact-manager-test-ec2"
    error_message = "Hosts must be there for the tasks."
  }
}

run "after_a_switch_the_minimum_is_the_configured_one" {
  command   = plan
  state_key = "done"
  variables {
    target = "ec2"
    zips   = null
  }

  assert {
    condition     = local.least_tasks == { ec2 = { api = 2, worker = 1 } }
    error_message = "Without desired tasks a side must be free to shrink."
  }
}
