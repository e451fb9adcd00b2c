# Hosts for tasks: as many as the cluster asks for, down to none.

data "aws_partition" "current" {}

locals {
  most_hosts = max(var.on_demand_base, ceil(2 * var.tasks / var.tasks_per_host))

  # Two processors and 4 GB, three network interfaces.
  instance_types = coalesce(var.instance_types, {
    x86_64 = ["t3.medium", "t3a.medium", "t2.medium"]
    arm64  = ["t4g.medium", "c6g.large", "c7g.large"]
  }[var.architecture])
}

resource "aws_launch_template" "this" {
  name                   = var.name
  instance_type          = local.instance_types[0]
  update_default_version = true

  # Looked up by EC2 for every host that it starts, and by no plan: a new image changes nothing here.
  image_id = "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/${var.architecture == "arm64" ? "arm64/" : ""}recommended/image_id"

  user_data = base64encode(templatefile("${path.module}/user_data.sh", { cluster = var.cluster_name }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }

  # Credentials of the host for the host: a token, and no further than itself.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  monitoring {
    enabled = true
  }

  network_interfaces {
    associate_public_ip_address = false
    security_groups             = [aws_security_group.hosts.id]
    delete_on_termination       = true
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = var.volume_gb
      encrypted             = true
      kms_key_id            = var.key_arn
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume"]

    content {
      resource_type = tag_specifications.value
      tags          = merge(data.aws_default_tags.current.tags, { Name = var.name })
    }
  }
}

# Instances and volumes are made by the group, which knows nothing of the provider's tags.
data "aws_default_tags" "current" {}

resource "aws_autoscaling_group" "this" {
  name                = var.name
  vpc_zone_identifier = var.subnet_ids
  min_size            = 0
  max_size            = local.most_hosts

  # Booted while the services are being made. From none, the capacity provider would begin with two hosts once tasks are
  # waiting, and judge anew minute by minute what is missing.
  desired_capacity = min(local.most_hosts, ceil(var.first_tasks / var.tasks_per_host))

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = var.on_demand_base
      on_demand_percentage_above_base_capacity = 100 - var.spot_percent
      spot_allocation_strategy                 = "price-capacity-optimized"
    }

    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.this.id
        version            = aws_launch_template.this.latest_version
      }

      dynamic "override" {
        for_each = local.instance_types

        content {
          instance_type = override.value
        }
      }
    }
  }

  # A host that Spot is likely to take is replaced before it is.
  capacity_rebalance = true

  # By their age hosts come to the newest image. A host that is protected from scaling in would never be too old.
  max_instance_lifetime = var.max_instance_lifetime_days * 24 * 60 * 60
  protect_from_scale_in = false

  # A destroy waits for no draining.
  force_delete      = true
  health_check_type = "EC2"

  wait_for_capacity_timeout = "0"

  # Hosts of a new launch template take over before the old ones go, drained by the capacity provider.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 200
      instance_warmup        = 300
    }
  }

  enabled_metrics = ["GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances", "GroupTerminatingInstances"]

  # The sign by which ECS knows that it manages the group.
  tag {
    key                 = "AmazonECSManaged"
    value               = "true"
    propagate_at_launch = true
  }

  lifecycle {
    # The capacity provider owns it.
    ignore_changes = [desired_capacity]
  }
}

resource "aws_ecs_capacity_provider" "this" {
  name = var.name

  auto_scaling_group_provider {
    auto_scaling_group_arn = aws_autoscaling_group.this.arn

    # Whatever ends a host, its tasks are started elsewhere first; so none has to be kept from ending.
    managed_draining               = "ENABLED"
    managed_termination_protection = "DISABLED"

    managed_scaling {
      status                    = "ENABLED"
      target_capacity           = 100
      minimum_scaling_step_size = 1
      maximum_scaling_step_size = 10
      instance_warmup_period    = 300
    }
  }
}
