mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_default_tags" {
    defaults = { tags = { environment = "test" } }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::123456789012:instance-profile/host" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-1", latest_version = 1 }
  }
  mock_resource "aws_autoscaling_group" {
    defaults = { arn = "arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:1:autoScalingGroupName/contact-manager-test-ec2" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-central-1:123456789012:rule/contact-manager-test-ec2-spot" }
  }
}

variables {
  name         = "contact-manager-test-ec2"
  cluster_name = "contact-manager-test-ec2"
  vpc_id       = "vpc-1"
  subnet_ids   = ["subnet-1", "subnet-2"]
  tasks        = 7

  spot_log_group_arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/events/contact-manager-test-ec2-spot"
}

run "hosts_are_closed_and_encrypted" {
  assert {
    condition     = aws_launch_template.this.metadata_options[0].http_tokens == "required" && aws_launch_template.this.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "The metadata service must ask for a token and answer the host alone."
  }

  assert {
    condition     = aws_launch_template.this.block_device_mappings[0].ebs[0].encrypted == "true" && aws_launch_template.this.network_interfaces[0].associate_public_ip_address == "false" && aws_launch_template.this.monitoring[0].enabled
    error_message = "Volumes must be encrypted, hosts monitored and without a public address."
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.asked_for) == 0 && length(aws_iam_role_policy_attachment.session_manager) == 0 && aws_launch_template.this.key_name == null
    error_message = "Nobody may reach or enter a host unless asked for."
  }

  assert {
    condition     = strcontains(base64decode(aws_launch_template.this.user_data), "ECS_CLUSTER=contact-manager-test-ec2\n") && strcontains(base64decode(aws_launch_template.this.user_data), "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true\n")
    error_message = "Hosts must join the cluster and be drained when Spot takes them."
  }
}

run "hosts_are_one_on_demand_and_mostly_spot_above" {
  assert {
    condition     = aws_autoscaling_group.this.mixed_instances_policy[0].instances_distribution[0].on_demand_base_capacity == 1 && aws_autoscaling_group.this.mixed_instances_policy[0].instances_distribution[0].on_demand_percentage_above_base_capacity == 20 && aws_autoscaling_group.this.mixed_instances_policy[0].instances_distribution[0].spot_allocation_strategy == "price-capacity-optimized"
    error_message = "There must be one host on demand and 80 % Spot above it."
  }

  assert {
    condition     = [for override in aws_autoscaling_group.this.mixed_instances_policy[0].launch_template[0].override : override.instance_type] == ["t3.medium", "t3a.medium", "t2.medium"]
    error_message = "Several types must be possible."
  }
}

run "there_is_room_for_twice_the_tasks" {
  assert {
    condition     = aws_autoscaling_group.this.max_size == 7 && aws_autoscaling_group.this.min_size == 0
    error_message = "Fourteen tasks at two to a host need seven hosts."
  }
}

run "hosts_for_the_first_tasks_are_there_from_the_beginning" {
  command   = plan
  state_key = "new"
  variables {
    first_tasks = 5
  }

  assert {
    condition     = aws_autoscaling_group.this.desired_capacity == 3
    error_message = "Five tasks at two to a host need three hosts."
  }
}

run "no_more_hosts_than_there_may_be" {
  command   = plan
  state_key = "new"
  variables {
    first_tasks = 100
  }

  assert {
    condition     = aws_autoscaling_group.this.desired_capacity == 7
    error_message = "The maximum holds from the beginning."
  }
}

run "first_tasks_are_a_number" {
  command = plan
  variables {
    first_tasks = -1
  }
  expect_failures = [var.first_tasks]
}

run "eventbridge_may_write_below_its_own_name_alone" {
  command = plan
  variables {
    spot_log_group_arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/spot"
  }
  expect_failures = [var.spot_log_group_arn]
}

run "the_role_of_hosts_is_bounded_when_asked_for" {
  command = plan
  variables {
    permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.host.permissions_boundary == var.permissions_boundary
    error_message = "The role must have the boundary."
  }
}

run "a_boundary_is_a_policy" {
  command = plan
  variables {
    permissions_boundary = "boundary"
  }
  expect_failures = [var.permissions_boundary]
}

run "the_base_is_never_above_the_maximum" {
  command = plan
  variables {
    tasks          = 1
    on_demand_base = 3
  }

  assert {
    condition     = aws_autoscaling_group.this.max_size == 3
    error_message = "There must be room for the hosts of the base."
  }
}

run "a_new_machine_image_comes_by_the_age_of_hosts_and_changes_no_plan" {
  assert {
    condition     = aws_launch_template.this.image_id == "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
    error_message = "EC2 must look up the image when a host starts."
  }

  assert {
    condition     = aws_autoscaling_group.this.max_instance_lifetime == 14 * 86400 && !aws_autoscaling_group.this.protect_from_scale_in && aws_ecs_capacity_provider.this.auto_scaling_group_provider[0].managed_termination_protection == "DISABLED"
    error_message = "Hosts must be replaced after 14 days, from which protection would keep them."
  }
}

run "the_age_of_hosts_can_be_chosen" {
  command = plan
  variables {
    max_instance_lifetime_days = 7
  }

  assert {
    condition     = aws_autoscaling_group.this.max_instance_lifetime == 604800
    error_message = "A week must be possible."
  }
}

run "a_host_lives_for_a_day_at_least" {
  command = plan
  variables {
    max_instance_lifetime_days = 0
  }
  expect_failures = [var.max_instance_lifetime_days]
}

run "the_capacity_provider_scales_and_drains" {
  assert {
    condition     = aws_ecs_capacity_provider.this.auto_scaling_group_provider[0].managed_draining == "ENABLED" && aws_autoscaling_group.this.force_delete
    error_message = "Hosts with tasks must be drained, and destroy be possible."
  }

  assert {
    condition = (
      aws_ecs_capacity_provider.this.auto_scaling_group_provider[0].managed_scaling[0].target_capacity == 100
      && aws_ecs_capacity_provider.this.auto_scaling_group_provider[0].managed_scaling[0].minimum_scaling_step_size == 1
      && aws_ecs_capacity_provider.this.auto_scaling_group_provider[0].managed_scaling[0].maximum_scaling_step_size == 10
      && aws_ecs_capacity_provider.this.auto_scaling_group_provider[0].managed_scaling[0].instance_warmup_period == 300
    )
    error_message = "Managed scaling must be 100 %, in steps of 1 to 10, with 300 s to warm up."
  }
}

run "what_spot_says_is_logged" {
  assert {
    condition     = length(jsondecode(aws_cloudwatch_event_rule.spot.event_pattern).detail-type) == 2 && aws_cloudwatch_event_target.spot.arn == var.spot_log_group_arn
    error_message = "Interruptions and recommendations must go to the log group."
  }
}

run "hosts_can_be_entered_through_session_manager" {
  command = plan
  variables {
    session_manager = true
  }

  assert {
    condition     = endswith(aws_iam_role_policy_attachment.session_manager[0].policy_arn, "AmazonSSMManagedInstanceCore")
    error_message = "The role must allow Session Manager."
  }
}

run "a_range_can_be_let_in" {
  command = plan
  variables {
    ingress = { node-exporter = { port = 9100, cidr = "10.1.0.0/16" } }
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.asked_for["node-exporter"].cidr_ipv4 == "10.1.0.0/16"
    error_message = "The range must be let in."
  }
}

run "hosts_can_have_arm_processors" {
  command = plan
  variables {
    architecture = "arm64"
  }

  assert {
    condition     = strcontains(aws_launch_template.this.image_id, "/arm64/")
    error_message = "The image must be for the processors."
  }

  assert {
    condition     = aws_launch_template.this.instance_type == "t4g.medium" && [for override in aws_autoscaling_group.this.mixed_instances_policy[0].launch_template[0].override : override.instance_type] == ["t4g.medium", "c6g.large", "c7g.large"]
    error_message = "The types must have the processors."
  }
}

run "the_types_can_be_chosen" {
  command = plan
  variables {
    architecture   = "arm64"
    instance_types = ["m7gd.large", "a1.large", "im4gn.large"]
  }

  assert {
    condition     = aws_launch_template.this.instance_type == "m7gd.large"
    error_message = "The types must be those asked for."
  }
}

run "arm_hosts_need_types_with_arm_processors" {
  command = plan
  variables {
    architecture   = "arm64"
    instance_types = ["t4g.medium", "g4dn.xlarge"]
  }
  expect_failures = [var.instance_types]
}

run "x86_hosts_need_types_with_x86_processors" {
  command = plan
  variables {
    instance_types = ["c7i-flex.large", "t4g.medium"]
  }
  expect_failures = [var.instance_types]
}

run "a_key_encrypts_volumes" {
  command = plan
  variables {
    key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = aws_launch_template.this.block_device_mappings[0].ebs[0].kms_key_id == var.key_arn
    error_message = "The key must be used."
  }
}

run "nobody_lets_everybody_in" {
  command = plan
  variables {
    ingress = { all = { port = 9100, cidr = "0.0.0.0/0" } }
  }
  expect_failures = [var.ingress]
}

run "there_is_no_ssh" {
  command = plan
  variables {
    ingress = { ssh = { port = 22, cidr = "10.1.0.0/16" } }
  }
  expect_failures = [var.ingress]
}

run "a_name_must_be_fit_for_a_capacity_provider" {
  command = plan
  variables {
    name = "ecs-hosts"
  }
  expect_failures = [var.name]
}

run "hosts_need_private_subnets" {
  command = plan
  variables {
    subnet_ids = []
  }
  expect_failures = [var.subnet_ids]
}

run "there_are_whole_tasks" {
  command = plan
  variables {
    tasks = 0
  }
  expect_failures = [var.tasks]
}

run "a_host_holds_a_task" {
  command = plan
  variables {
    tasks_per_host = 0
  }
  expect_failures = [var.tasks_per_host]
}

run "an_architecture_is_one_of_two" {
  command = plan
  variables {
    architecture = "riscv"
  }
  expect_failures = [var.architecture]
}

run "there_must_be_a_type" {
  command = plan
  variables {
    instance_types = []
  }
  expect_failures = [var.instance_types]
}

run "a_base_is_not_negative" {
  command = plan
  variables {
    on_demand_base = -1
  }
  expect_failures = [var.on_demand_base]
}

run "a_share_of_spot_is_a_percentage" {
  command = plan
  variables {
    spot_percent = 101
  }
  expect_failures = [var.spot_percent]
}

run "a_volume_holds_the_machine_image" {
  command = plan
  variables {
    volume_gb = 8
  }
  expect_failures = [var.volume_gb]
}

run "a_key_is_named_by_its_arn" {
  command = plan
  variables {
    key_arn = "alias/contacts"
  }
  expect_failures = [var.key_arn]
}
