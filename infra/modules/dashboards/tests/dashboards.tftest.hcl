mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
}

variables {
  name          = "contact-manager-test"
  sides         = ["lambda"]
  load_balancer = "app/contact-manager-test/0123456789abcdef"
  target_groups = { lambda = "targetgroup/l/1", fargate = "targetgroup/f/2", ec2 = "targetgroup/e/3" }
  table_name    = "contact-manager-test-contacts"
  queues        = { jobs = "jobs", dead_letters = "jobs-dead" }
  alerts_topic  = "contact-manager-test-alerts"
  log_groups    = ["/aws/lambda/contact-manager-test-api", "/ecs/contact-manager-test-fargate/api"]
}

run "lambda_has_panels_of_its_functions_and_none_of_a_cluster" {
  command = plan

  assert {
    condition = toset(flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [for metric in widget.properties.metrics : metric[0]]])) == toset(
      ["AWS/ApplicationELB", "AWS/DynamoDB", "AWS/Lambda", "AWS/SNS", "AWS/SQS", "ContactManager"]
    )
    error_message = "Functions have metrics of their own and of AWS Lambda, and no container exists."
  }
  assert {
    condition = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
      alltrue([for metric in widget.properties.metrics : contains(["contact-manager-test-api", "contact-manager-test-worker"], metric[3]) if metric[0] == "ContactManager"])
    ])
    error_message = "Several environments share the namespace: each metric must name its function."
  }
  assert {
    condition     = contains(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[0].properties.metrics, ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", "app/contact-manager-test/0123456789abcdef", "TargetGroup", "targetgroup/l/1", { label = "lambda", stat = "Sum" }])
    error_message = "The first panel must be the traffic by target."
  }
  assert {
    condition     = length(flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [for metric in widget.properties.metrics : metric[1]]])) <= 50
    error_message = "With one side the dashboard must be one of those that cost nothing."
  }
}

run "each_side_of_containers_has_panels_of_its_cluster" {
  command = plan
  variables {
    sides = ["fargate", "ec2"]
  }

  assert {
    condition = toset(flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [for metric in widget.properties.metrics : metric[3] if metric[0] == "AWS/ECS"]])) == toset(
      ["contact-manager-test-fargate", "contact-manager-test-ec2"]
    )
    error_message = "Both clusters must be there."
  }
  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "AWS/Lambda") && !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "\"ContactManager\"")
    error_message = "There is no function."
  }
}

run "no_panel_lies_upon_another" {
  command = plan
  variables {
    sides = ["lambda", "fargate", "ec2"]
  }

  assert {
    condition = length(distinct([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : "${widget.x}/${widget.y}"])) == length(
      jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets
    ) && alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.x + widget.width <= 24])
    error_message = "The grid has 24 columns, and each panel a place of its own."
  }
  assert {
    condition = length(distinct([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.title])) == length(
      jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets
    )
    error_message = "Each panel must have a title of its own."
  }
}

run "alarms_are_above_all_panels" {
  command = plan
  variables {
    alarms = ["arn:aws:cloudwatch:eu-central-1:123456789012:alarm:b", "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:a"]
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[0].type == "alarm" && jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[0].properties.alarms[0] == var.alarms[1]
    error_message = "The first widget shows the alarms, in an order that does not change."
  }
  assert {
    condition     = min([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.y if widget.type == "metric"]...) == jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[0].height
    error_message = "The panels begin below it."
  }
}

run "queries_are_saved_under_the_environments_name_and_look_into_every_log" {
  command = plan

  assert {
    condition     = alltrue([for query in aws_cloudwatch_query_definition.this : startswith(query.name, "contact-manager-test/") && query.log_group_names == tolist(var.log_groups)])
    error_message = "A query belongs to its environment and reads the logs of all targets: after a switch the old side's are still there."
  }
  assert {
    condition     = output.url == "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#dashboards/dashboard/contact-manager-test"
    error_message = "The address is that of the dashboard in the console."
  }
}

run "a_side_has_one_of_three_names" {
  command = plan
  variables {
    sides = ["lambda", "edge"]
  }
  expect_failures = [var.sides]
}

run "an_environment_has_a_side" {
  command = plan
  variables {
    sides = []
  }
  expect_failures = [var.sides]
}

run "a_name_fits_into_every_other" {
  command = plan
  variables {
    name = "Contact Manager"
  }
  expect_failures = [var.name]
}

run "a_load_balancer_is_named_as_cloudwatch_does" {
  command = plan
  variables {
    load_balancer = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/a/1"
  }
  expect_failures = [var.load_balancer]
}

run "a_query_reads_at_least_one_log" {
  command = plan
  variables {
    log_groups = []
  }
  expect_failures = [var.log_groups]
}
