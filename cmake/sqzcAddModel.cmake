# sqzc_add_model(TARGET MODEL [NAME name] [OPTIONS option...])
#
# Compiles the ONNX file MODEL, whenever it changes, into the library TARGET. Linking TARGET to a program gives it the
# model's code, the folder of its header and the runtime. NAME (default: TARGET, made a C identifier) begins the model's
# symbols and names the header: NAME.h. OPTIONS are passed to sqzc (--target=..., --mcpu=..., --dim N=1, ...).
function(sqzc_add_model target model)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "NAME" "OPTIONS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "sqzc_add_model: unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_NAME)
    string(MAKE_C_IDENTIFIER ${target} arg_NAME)
  endif()
  get_filename_component(model ${model} ABSOLUTE)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target}.sqzc)
  set(object ${folder}/${arg_NAME}.o)
  set(header ${folder}/${arg_NAME}.h)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(
    OUTPUT ${object} ${header}
    COMMAND sqzc::sqzc ${model} -o ${object} --name=${arg_NAME} --header=${header}
            -MD -MF ${folder}/${arg_NAME}.d ${arg_OPTIONS}
    DEPENDS ${model} sqzc::sqzc
    DEPFILE ${folder}/${arg_NAME}.d
    COMMENT "Compiling model ${arg_NAME}"
    VERBATIM)
  add_library(${target} STATIC ${object} ${header})
  set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
  target_include_directories(${target} PUBLIC ${folder})
  target_link_libraries(${target} PUBLIC sqzc::sqz)
endfunction()
