"""Operations that need more than one table or serve every resource. They do not commit; routes and commands do."""
