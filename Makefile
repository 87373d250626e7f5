# For people's habit: the same commands as ./dev, which does the work and needs no make.
.PHONY: help setup build demo test bench format docs clean
help setup build demo test bench format docs clean:
	@./dev $@
