# cd infra && tflint --recursive --config="$PWD/.tflint.hcl"
plugin "terraform" {
  enabled = true
  preset  = "all"
}

# The fixtures of tests are single files.
rule "terraform_standard_module_structure" {
  enabled = false
}
