# The modules alerts and dashboards alone, for the targets that are asked for. The log groups are there, everything else
# is a name.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "targets" {
  type = set(string)
}

variable "live" {
  type = string
}

locals {
  name          = "contact-manager-dev"
  load_balancer = "app/contact-manager-dev/0123456789abcdef"
  target_groups = { for target in ["lambda", "fargate", "ec2"] : target => "targetgroup/${target}/0123456789abcdef" }
  queues        = { jobs = "contact-manager-dev-jobs", dead_letters = "contact-manager-dev-dead-letters" }
}

provider "aws" {
  region                      = "us-east-1"
  max_retries                 = 1
  skip_credentials_validation = true
}

module "config" {
  source = "../modules/config"

  name   = local.name
  region = "us-east-1"
}

resource "aws_cloudwatch_log_group" "collector" {
  for_each = setsubtract(var.targets, ["lambda"])

  name = "/ecs/${each.key}"
}

module "alerts" {
  source = "../modules/alerts"

  name          = local.name
  environment   = "dev"
  emails        = ["on-call@example.com"]
  live          = var.live
  workspace     = { id = module.config.workspace_id, arn = module.config.workspace_arn }
  load_balancer = local.load_balancer
  target_groups = local.target_groups
  queues        = local.queues
  cache         = true
  certificate   = { arn = "arn:aws:acm:us-east-1:123456789012:certificate/0" }

  sides = { for target in var.targets : target => {
    wanted         = { api = 2, worker = 1 }
    collector_logs = { for side, group in aws_cloudwatch_log_group.collector : "api" => group.name if side == target }
  } }
}

module "dashboards" {
  source = "../modules/dashboards"

  name          = local.name
  sides         = var.targets
  load_balancer = local.load_balancer
  target_groups = local.target_groups
  table_name    = "${local.name}-contacts"
  queues        = local.queues
  alerts_topic  = element(split(":", module.alerts.topic_arn), 5)
  alarms        = module.alerts.alarm_arns
  log_groups    = ["/aws/lambda/${local.name}-api"]
}
