output "api_policy_json" {
  description = "What the API may do, for its task or function role."
  value       = data.aws_iam_policy_document.api.json
}

output "worker_policy_json" {
  description = "What the worker may do, for its task or function role."
  value       = data.aws_iam_policy_document.worker.json
}

output "operator_policy_json" {
  description = "What somebody needs who runs the worker's commands by hand: redrive, token, begin-epoch, check. No role of the service has it."
  value       = data.aws_iam_policy_document.operator.json
}
