# The n-th allocation of the whole program can be made to fail.
target_link_options(${target} PRIVATE LINKER:--wrap=malloc,--wrap=calloc,--wrap=realloc)
