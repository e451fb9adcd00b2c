# Tags never move: a deployment names a digest, and a tag that is there says the same for ever.
resource "aws_ecr_repository" "this" {
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_delete

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = var.key_arn == null ? "AES256" : "KMS"
    kms_key         = var.key_arn
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name

  policy = jsonencode({
    rules = [
      {
        # First, because what one rule names no later one may expire: prod runs a release for longer than main takes
        # to push any number of images.
        rulePriority = 1
        description  = "Releases stay"
        selection    = { tagStatus = "tagged", tagPatternList = ["${var.release_prefix}*"], countType = "imageCountMoreThan", countNumber = 1000 }
        action       = { type = "expire" }
      },
      {
        # An image of several architectures holds untagged ones. ECR leaves those alone that a tagged list
        # of images refers to, so this takes only what was left behind.
        rulePriority = 2
        description  = "Untagged images go after a week"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 7 }
        action       = { type = "expire" }
      },
      {
        # Tagged ones, so that the images of a list do not count a second time.
        rulePriority = 3
        description  = "Of the others the newest ${var.keep_images} stay"
        selection    = { tagStatus = "tagged", tagPatternList = ["*"], countType = "imageCountMoreThan", countNumber = var.keep_images }
        action       = { type = "expire" }
      },
    ]
  })
}
