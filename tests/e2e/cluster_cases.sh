case_operator_comes_up() {
  use_namespace clops
  install_clops "$server_image" "clops-operator:$CLOPS_IMAGE_VERSION"
}
cases=(operator_comes_up "${shared_cases[@]}" "${last_cases[@]}")
all_listed "${cases[@]}"
[ $# -eq 0 ] || cases=("$@")
cases_needed=2 run_cases "${cases[@]}"
